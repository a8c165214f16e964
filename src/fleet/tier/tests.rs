//! Tests of the tiers.
