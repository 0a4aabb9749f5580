"""Generated tasks: families of programs, inputs for them, and domains, small worlds of a dozen families."""
