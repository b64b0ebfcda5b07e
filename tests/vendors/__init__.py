"""Made-up help centres in the published shapes of the vendors that `kb import` reads."""
