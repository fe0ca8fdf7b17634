//! Ids, units, limits and bounded containers that every layer shares.
