"""What a GPU gives, part by part, beside what people would run instead."""
