"""Speed as measured on this machine: the matmul peak, the doctor, two live workers stepped in turn."""
