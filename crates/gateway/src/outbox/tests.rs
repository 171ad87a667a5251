use std::time::Duration;

use telerad_store::Effect;

use super::due;
use crate::house::{self, DESTINATIONS, message, run};

/// Whether a message that is not to be tried before `wait` from now is taken from the queue.
async fn is_due(wait: Duration) -> bool {
    let state = house::state(DESTINATIONS);
    let record = message("ris", state.now().after(wait));
    state.commit(vec![Effect::Outbound(record)]).await.unwrap();
    !due(&state, "ris", state.now(), 9).await.unwrap().is_empty()
}

#[test]
fn a_pause_longer_than_any_is_from_before_the_clock_was_set_back() {
    run(async {
        assert!(is_due(Duration::ZERO).await);
        assert!(!is_due(Duration::from_secs(50)).await);
        assert!(is_due(Duration::from_secs(3600)).await);
    });
}
