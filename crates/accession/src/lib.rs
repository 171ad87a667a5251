//! Which order does this belong to, and why.
