//! Bytes, corpora and fault scripts for the project's own tests.
