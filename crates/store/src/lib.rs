//! Durable state behind one conformance suite, and the payload spool.
