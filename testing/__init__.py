"""What tests, benchmarks and the long runs of reliability/ share."""
