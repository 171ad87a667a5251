//! What a configuration may say, and a person should look at twice.

use super::{Configuration, Destination, Fault};

impl Configuration {
    /// What is allowed and seldom meant, each with its place: tell it to whoever starts the gateway. A gateway tells it as
    /// [`Event::StatMayWait`](crate::Event::StatMayWait) when it starts.
    pub fn warnings(&self) -> Vec<Fault> {
        let warning = |to: &Destination| Fault {
            span: to.id.span(),
            message: format!(
                "destination `{}`: a window names lane stat, so urgent studies wait outside of it; leave stat out of lanes to have them sent at any time",
                to.id.get_ref()
            ),
        };
        self.holding_back_stat().map(warning).collect()
    }

    /// Destinations to which urgent studies may have to wait for a window.
    pub(crate) fn holding_back_stat(&self) -> impl Iterator<Item = &Destination> {
        let holds = |to: &&Destination| {
            to.schedule.as_ref().is_some_and(telerad_routing::Schedule::holds_back_stat)
        };
        self.destinations.iter().filter(holds)
    }
}
