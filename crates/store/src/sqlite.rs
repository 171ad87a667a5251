//! State in SQLite, the embedded default.
