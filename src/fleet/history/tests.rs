//! Tests of the past.
