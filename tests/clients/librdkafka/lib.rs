//! Empty: the dependency is what matters, for its sources.
