"""What data must look like at the door: Great Expectations suites, one module per feed."""
