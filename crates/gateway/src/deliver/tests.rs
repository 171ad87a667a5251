use std::time::Duration;

use telerad_store::Effect;

use super::concurrency::Takes;
use super::queue::{Claim, Queue};
use crate::house::{self, DESTINATIONS, delivery, run};

/// Whether a delivery that is not to be tried before `wait` from now is taken by a worker.
async fn is_claimed(wait: Duration) -> bool {
    let state = house::state(DESTINATIONS);
    let record = delivery("reading", state.now().after(wait));
    state.commit(vec![Effect::Delivery(record)]).await.unwrap();
    let queue = Queue::new(&state, &state.configuration.destinations[0], None);
    matches!(queue.claim(&state, Takes::All).await.unwrap(), Claim::Batch(_))
}

#[test]
fn a_pause_longer_than_any_is_from_before_the_clock_was_set_back() {
    run(async {
        assert!(is_claimed(Duration::ZERO).await);
        // The longest pause of the configuration is a minute.
        assert!(!is_claimed(Duration::from_secs(50)).await);
        assert!(is_claimed(Duration::from_secs(3600)).await);
    });
}
