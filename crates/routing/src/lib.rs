//! Routing rules, delivery planning and retry policy as pure decisions.
