use telerad_core::{SiteId, Timestamp};
use telerad_dicom::DataSet;
use telerad_hl7::Message;
use telerad_store::Effect;
use telerad_testkit::hl7::{Case, orm_o01};
use telerad_worklist::Query;

use super::{Unavailable, windows};
use crate::handled::Incoming;
use crate::house::{self, run};
use crate::state::State;

async fn effects(state: &State, case: &Case) -> Vec<Effect> {
    let (site, message) = (SiteId::new("north").unwrap(), Message::parse(orm_o01(case)).unwrap());
    let incoming = Incoming { id: &case.control_id, site: &site, message: &message };
    crate::orders::handle(state, incoming).await.unwrap().effects
}

async fn steps(state: &State) -> Result<usize, Unavailable> {
    let site = SiteId::new("north").unwrap();
    let query = Query::read(&DataSet::new()).unwrap();
    let found = state.worklists.find(&*state.environment.store, &site, query, 10).await?;
    Ok(found.matches())
}

#[test]
fn nothing_is_answered_until_all_is_loaded() {
    run(async {
        let state = house::state("");
        let site = SiteId::new("north").unwrap();
        let first = effects(&state, &Case::new(1)).await;
        state.commit(first).await.unwrap();
        assert!(matches!(steps(&state).await, Err(Unavailable::Loading)));
        state.worklists.sites[&site].load(&state.environment, &site).await.unwrap();
        assert_eq!(steps(&state).await.unwrap(), 1);
        let second = effects(&state, &Case::new(2)).await;
        state.commit(second).await.unwrap();
        assert_eq!(steps(&state).await.unwrap(), 2);
    });
}

#[test]
fn a_commit_that_nobody_waited_for_is_looked_at_twice() {
    run(async {
        let state = house::state("");
        let site = SiteId::new("north").unwrap();
        state.worklists.sites[&site].load(&state.environment, &site).await.unwrap();
        let first = effects(&state, &Case::new(1)).await;
        drop(state.worklists.note(&first));
        assert_eq!(steps(&state).await.unwrap(), 0);
        assert!(!super::lock(&state.worklists.sites[&site].doubtful).is_empty());
        let certain = state.worklists.note(&first);
        super::lock(&state.worklists.sites[&site].doubtful).orders.clear();
        super::lock(&state.worklists.sites[&site].doubtful).patients.clear();
        certain.done();
        assert!(super::lock(&state.worklists.sites[&site].doubtful).is_empty());
    });
}

#[test]
fn the_windows_follow_one_another_without_a_gap() {
    // 2026-03-01, so that a month ends on the way back.
    let all = windows(Timestamp::from_micros(1_772_323_200_000_000));
    assert_eq!(all[0], (String::new(), "20260221".to_owned()));
    assert_eq!(all[1], ("20260222".to_owned(), "20260222".to_owned()));
    assert_eq!(all[7].0, "20260228");
    assert_eq!(all[8].0, "20260301");
    assert_eq!(all[30], ("20260323".to_owned(), String::new()));
    assert_eq!(all.len(), 31);
}
