//! The running whole: intake, delivery, orders, reports, events and configuration.
