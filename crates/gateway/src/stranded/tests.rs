use telerad_store::Effect;

use super::queues;
use crate::house::{self, DESTINATIONS, delivery, message, run};

#[test]
fn queues_that_the_configuration_no_longer_names_are_found() {
    run(async {
        let state = house::state(DESTINATIONS);
        let effects = vec![
            Effect::Delivery(delivery("reading", state.now())),
            Effect::Delivery(delivery("closed", state.now())),
            Effect::Outbound(message("report north 127.0.0.1:2576", state.now())),
            Effect::Outbound(message("report north 127.0.0.1:2575", state.now())),
        ];
        state.commit(effects).await.unwrap();
        let found = queues(&state).await.unwrap();
        assert_eq!(found, ["closed", "report north 127.0.0.1:2575"]);
    });
}
