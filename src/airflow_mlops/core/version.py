"""The version of this package, for those that may not import the package itself, its build among them."""

VERSION = "0.1.0"
