//! Report versions and filing; ORU out.
