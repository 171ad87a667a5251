use std::sync::Arc;
use std::time::Duration;

use telerad_net::{TcpConnector, shutdown};
use telerad_store::Effect;

use super::{Lane, Worker};
use crate::house::{self, DESTINATIONS, delivery, run};

/// Whether a delivery that is not to be tried before `wait` from now is taken by a worker.
async fn is_claimed(wait: Duration) -> bool {
    let state = Arc::new(house::state(DESTINATIONS));
    let record = delivery("reading", state.now().after(wait));
    state.commit(vec![Effect::Delivery(record)]).await.unwrap();
    let lane = Arc::new(Lane::new(&state, &state.configuration.destinations[0]));
    let (_handle, shutdown) = shutdown();
    let pool = super::pool(&state, &Arc::new(TcpConnector), &state.configuration.destinations[0]);
    let worker = Worker { state, lane, pool, shutdown };
    !worker.claim().await.unwrap().is_empty()
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
