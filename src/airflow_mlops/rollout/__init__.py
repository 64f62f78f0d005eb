"""Rolling out a version: plan, store, driver, targets."""
