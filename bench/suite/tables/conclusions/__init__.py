"""What a run is to conclude, stated before it: claims, the decision, planned looks, the gate, contamination."""
