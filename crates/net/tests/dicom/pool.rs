//! Associations that are kept between operations.

use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{ProposedContext, Rejection, plan_contexts};
use telerad_net::dicom::{
    AssociationFault, Peer, Pool, PoolConfig, PoolCounts, PoolError, Pooled, Quirks, ServerConfig,
    serve,
};
use telerad_net::{Clock, Connector, ShutdownHandle, SystemClock, TokioSpawn, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

use super::peers::{Desk, Queue, QueueConnector, ct_request, every_context, peer, pieces};

/// Counts the connections: ever made, open now, and the most at a time.
#[derive(Clone, Default)]
struct Meter(Arc<Counts>);

#[derive(Default)]
struct Counts {
    made: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
    /// The first so many are cut, without a word.
    cut: AtomicUsize,
}

impl Meter {
    fn made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }

    fn open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }
}

struct Metered(QueueConnector, Meter);

struct MeteredStream {
    stream: DuplexStream,
    number: usize,
    meter: Meter,
}

impl Connector for Metered {
    type Stream = MeteredStream;

    async fn connect(&self, address: &str) -> io::Result<MeteredStream> {
        let stream = self.0.connect(address).await?;
        let meter = self.1.clone();
        let number = meter.0.made.fetch_add(1, Ordering::SeqCst);
        let open = meter.0.open.fetch_add(1, Ordering::SeqCst) + 1;
        meter.0.most.fetch_max(open, Ordering::SeqCst);
        Ok(MeteredStream { stream, number, meter })
    }
}

impl Drop for MeteredStream {
    fn drop(&mut self) {
        self.meter.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl AsyncRead for MeteredStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.number < self.meter.0.cut.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Which a server of storage and worklist refuses.
const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";

struct House {
    pool: Pool<Metered>,
    meter: Meter,
    desk: Desk,
    stop: ShutdownHandle,
    server: JoinHandle<()>,
}

fn house(config: PoolConfig) -> House {
    house_of(config, Desk::default(), ServerConfig::default())
}

fn house_of(config: PoolConfig, desk: Desk, server: ServerConfig) -> House {
    let (listener, connector) = Queue::new();
    let (stop, stopping) = shutdown();
    let serving = serve(listener, Arc::new(desk.clone()), server, Arc::new(TokioSpawn), stopping);
    let server = tokio::task::spawn(serving);
    let meter = Meter::default();
    let pool = Pool::new(Metered(connector, meter.clone()), config, Arc::new(TokioSpawn));
    House { pool, meter, desk, stop, server }
}

fn limits(associations_max: usize, associations_per_peer_max: usize) -> PoolConfig {
    PoolConfig { associations_max, associations_per_peer_max, ..PoolConfig::default() }
}

impl House {
    async fn lend(&self, peer: &Peer) -> Result<Pooled, PoolError> {
        self.pool.checkout(peer, every_context()).await
    }

    /// Uses an association once, and gives it back.
    async fn use_once(&self, peer: &Peer) {
        let mut lent = self.lend(peer).await.unwrap();
        assert_eq!(lent.echo().await.unwrap(), Status::SUCCESS);
    }

    fn counts(&self) -> (usize, usize, usize) {
        let PoolCounts { idle, in_use, waiting } = self.pool.counts();
        (idle, in_use, waiting)
    }
}

/// Lets time pass, which is not real here.
async fn pass(seconds: u64) {
    let clock = SystemClock;
    clock.sleep_until(clock.now() + Duration::from_secs(seconds)).await;
}

fn quirky(address: &str, quirks: Quirks) -> Peer {
    let mut peer = peer(address);
    peer.quirks = quirks;
    peer
}

#[tokio::test(start_paused = true)]
async fn an_association_is_used_again() {
    let house = house(limits(4, 4));
    let there = peer("there:104");
    for round in 0..5 {
        let mut lent = house.lend(&there).await.unwrap();
        assert_eq!(lent.is_reused(), round > 0);
        assert!(lent.store(&ct_request(1), pieces(1, 100_000)).await.unwrap().is_delivered());
    }
    assert_eq!((house.meter.made(), house.counts()), (1, (1, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn what_lingers_is_released_in_order() {
    let house = house(PoolConfig { linger: Duration::from_secs(7), ..limits(4, 4) });
    house.use_once(&peer("there:104")).await;
    pass(6).await;
    assert_eq!((house.meter.open(), house.counts()), (1, (1, 0, 0)));
    house.use_once(&peer("there:104")).await;
    pass(6).await;
    assert_eq!((house.meter.made(), house.meter.open()), (1, 1));
    pass(2).await;
    assert_eq!((house.meter.open(), house.counts()), (0, (0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn our_own_idle_timer_never_ends_what_lingers() {
    let house = house(PoolConfig { linger: Duration::from_secs(3600), ..limits(4, 4) });
    house.use_once(&peer("there:104")).await;
    // The idle timer is at 60 s, the server's at 60 s or later.
    pass(44).await;
    assert_eq!(house.meter.open(), 1);
    pass(2).await;
    assert_eq!(house.meter.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn another_peer_other_settings_or_other_contexts_get_another_association() {
    let house = house(limits(16, 16));
    let there = peer("there:104");
    let mut patient = there.clone();
    patient.timeouts.response = Duration::from_secs(7);
    let other = plan_contexts(&[(uids::CT_IMAGE_STORAGE, uids::EXPLICIT_VR_LITTLE_ENDIAN)]);
    house.use_once(&there).await;
    house.use_once(&peer("elsewhere:104")).await;
    house.use_once(&patient).await;
    drop(house.pool.checkout(&there, other[0].clone()).await.unwrap());
    assert_eq!((house.meter.made(), house.counts()), (4, (4, 0, 0)));
    // Fewer contexts than were negotiated do not need another.
    drop(house.pool.checkout(&there, every_context()[1..2].to_vec()).await.unwrap());
    assert_eq!(house.meter.made(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_not_asked_again_and_again() {
    let house = house(limits(4, 4));
    let there = peer("there:104");
    let mut contexts = every_context();
    contexts.push(ProposedContext {
        id: 99,
        abstract_syntax: STUDY_ROOT_FIND.into(),
        ..contexts[0].clone()
    });
    for _ in 0..3 {
        let lent = house.pool.checkout(&there, contexts.clone()).await.unwrap();
        assert_eq!((lent.accepted().len(), lent.refused().len()), (3, 1));
    }
    assert_eq!(house.meter.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_releases_while_idle_is_not_lent() {
    let house = house(limits(4, 4));
    house.use_once(&peer("there:104")).await;
    assert_eq!(house.meter.open(), 1);
    // The server releases what is idle, and does not have to wait for an answer.
    house.stop.request();
    house.server.await.unwrap();
    pass(1).await;
    assert_eq!((house.meter.open(), house.pool.counts().idle), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_closed_a_moment_ago_is_not_lent() {
    let house = house(limits(4, 4));
    house.use_once(&peer("there:104")).await;
    // No task has run since, so nobody has noticed.
    house.meter.0.cut.store(1, Ordering::SeqCst);
    let there = peer("there:104");
    let checkout = house.lend(&there);
    let mut checkout = std::pin::pin!(checkout);
    assert!(
        std::future::poll_fn(|context| Poll::Ready(checkout.as_mut().poll(context)))
            .await
            .is_pending()
    );
    assert!(!checkout.await.unwrap().is_reused());
    assert_eq!((house.meter.made(), house.meter.open()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_peer_never_has_more_associations_than_its_limit() {
    let desk = Desk::storing(|_, body| async move {
        pass(3).await;
        super::peers::read(body).await.map_or(Status::CANNOT_UNDERSTAND, |_| Status::SUCCESS)
    });
    let house = house_of(limits(16, 3), desk, ServerConfig::default());
    let there = peer("there:104");
    let mut senders = Vec::new();
    for seed in 0..20 {
        let (pool, there) = (house.pool.clone(), there.clone());
        // Two kinds of contexts, so that idle ones have to make way.
        let contexts = every_context()[usize::from(seed % 2 == 0)..2].to_vec();
        senders.push(tokio::task::spawn(async move {
            let mut lent = pool.checkout(&there, contexts).await.unwrap();
            lent.store(&ct_request(seed), pieces(seed, 10_000)).await.unwrap().is_delivered()
        }));
    }
    for sender in senders {
        assert!(sender.await.unwrap());
    }
    assert_eq!(house.meter.most(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_pool_never_has_more_associations_than_its_limit() {
    let house = house(limits(2, 2));
    let mut users = Vec::new();
    for number in 0..12 {
        let pool = house.pool.clone();
        users.push(tokio::task::spawn(async move {
            let there = peer(&format!("there-{}:104", number % 4));
            let mut lent = pool.checkout(&there, every_context()).await.unwrap();
            pass(1).await;
            lent.echo().await.unwrap()
        }));
    }
    for user in users {
        assert_eq!(user.await.unwrap(), Status::SUCCESS);
    }
    assert_eq!((house.meter.most(), house.counts()), (2, (2, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_served_in_the_order_of_arrival() {
    let house = house(limits(4, 1));
    let there = peer("there:104");
    let lent = house.lend(&there).await.unwrap();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut users = Vec::new();
    for number in 0..5 {
        let (pool, there, order) = (house.pool.clone(), there.clone(), Arc::clone(&order));
        users.push(tokio::task::spawn(async move {
            let _lent = pool.checkout(&there, every_context()).await.unwrap();
            order.lock().unwrap().push(number);
            tokio::task::yield_now().await;
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(house.counts(), (0, 1, 5));
    // A peer that is full keeps nobody from another.
    house.use_once(&peer("elsewhere:104")).await;
    drop(lent);
    for user in users {
        user.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_at_a_deadline_that_is_named() {
    let house = house(PoolConfig { wait: Duration::from_secs(9), ..limits(4, 1) });
    let there = peer("there:104");
    let lent = house.lend(&there).await.unwrap();
    let error = house.lend(&there).await.unwrap_err();
    let expected = "TELERAD at there:104: no association became free within 9 s";
    assert_eq!(error.to_string(), expected);
    assert!(error.is_retryable());
    drop(lent);
    assert!(house.lend(&there).await.unwrap().is_reused());
}

#[tokio::test(start_paused = true)]
async fn so_many_wait_and_no_more() {
    let house = house(PoolConfig { waiting_max: 1, ..limits(4, 1) });
    let there = peer("there:104");
    let _lent = house.lend(&there).await.unwrap();
    let mut waiting = Box::pin(house.lend(&there));
    assert!(
        std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)))
            .await
            .is_pending()
    );
    let error = house.lend(&there).await.unwrap_err();
    assert_eq!(error.to_string(), "TELERAD at there:104: 1 others wait for an association already");
    // Who gives up makes room.
    drop(waiting);
    assert_eq!(house.counts(), (0, 1, 0));
    let mut waiting = Box::pin(house.lend(&there));
    assert!(
        std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)))
            .await
            .is_pending()
    );
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_loses_no_place() {
    let house = house(limits(4, 1));
    let there = peer("there:104");
    let lent = house.lend(&there).await.unwrap();
    let mut first = Box::pin(house.lend(&there));
    let mut second = Box::pin(house.lend(&there));
    for waiting in [&mut first, &mut second] {
        assert!(
            std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context)))
                .await
                .is_pending()
        );
    }
    // The first has been given the association, and never looks.
    drop(lent);
    drop(first);
    assert!(second.await.unwrap().is_reused());
    assert_eq!((house.meter.made(), house.counts()), (1, (1, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_given_up_gives_its_place_back() {
    let house = house(limits(1, 1));
    let there = peer("there:104");
    let mut opening = Box::pin(house.lend(&there));
    assert!(
        std::future::poll_fn(|context| Poll::Ready(opening.as_mut().poll(context)))
            .await
            .is_pending()
    );
    assert_eq!(house.counts(), (0, 1, 0));
    drop(opening);
    assert_eq!(house.counts(), (0, 0, 0));
    house.use_once(&there).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_association_gives_its_place_back() {
    let desk = Desk { admit: Err(Rejection::CALLED_AE_NOT_RECOGNIZED), ..Desk::default() };
    let house = house_of(limits(1, 1), desk, ServerConfig::default());
    for _ in 0..3 {
        match house.lend(&peer("there:104")).await.unwrap_err() {
            PoolError::Association(error) => {
                assert!(matches!(error.fault, AssociationFault::Rejected(_)));
            }
            error => panic!("{error}"),
        }
    }
    assert_eq!(house.counts(), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_was_dropped_or_panicked_frees_its_place() {
    let house = house(limits(1, 1));
    let there = peer("there:104");
    let mut lent = house.lend(&there).await.unwrap();
    let request = ct_request(1);
    let storing = lent.store(&request, super::peers::Stuck);
    let mut storing = Box::pin(storing);
    assert!(
        std::future::poll_fn(|context| Poll::Ready(storing.as_mut().poll(context)))
            .await
            .is_pending()
    );
    drop(storing);
    drop(lent);
    assert_eq!((house.meter.open(), house.counts()), (0, (0, 0, 0)));
    let pool = house.pool.clone();
    let panicking = tokio::task::spawn(async move {
        let mut lent = pool.checkout(&peer("there:104"), every_context()).await.unwrap();
        let _answers = lent.find(uids::MODALITY_WORKLIST_FIND, &DataSet::new()).await.unwrap();
        panic!("on purpose");
    });
    assert!(panicking.await.unwrap_err().is_panic());
    assert_eq!((house.meter.open(), house.counts()), (0, (0, 0, 0)));
    house.use_once(&there).await;
}

#[tokio::test(start_paused = true)]
async fn closing_releases_what_is_idle_and_waits_for_what_is_not() {
    let house = house(limits(4, 4));
    let there = peer("there:104");
    let mut lent = house.lend(&there).await.unwrap();
    house.use_once(&there).await;
    let pool = house.pool.clone();
    let closing = tokio::task::spawn(async move { pool.close().await });
    pass(5).await;
    assert_eq!((house.meter.open(), house.counts()), (1, (0, 1, 0)));
    assert!(matches!(house.lend(&there).await.unwrap_err(), PoolError::Closed));
    assert_eq!(lent.echo().await.unwrap(), Status::SUCCESS);
    drop(lent);
    assert_eq!(closing.await.unwrap(), 0);
    assert_eq!((house.meter.open(), house.counts()), (0, (0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn closing_does_not_wait_for_ever() {
    let house = house(PoolConfig { drain: Duration::from_secs(5), ..limits(1, 1) });
    let there = peer("there:104");
    let lent = house.lend(&there).await.unwrap();
    let (pool, waiter) = (house.pool.clone(), there.clone());
    let waiting = tokio::task::spawn(async move { pool.checkout(&waiter, every_context()).await });
    pass(1).await;
    assert_eq!(house.pool.close().await, 1);
    assert!(matches!(waiting.await.unwrap().unwrap_err(), PoolError::Closed));
    drop(lent);
    pass(1).await;
    assert_eq!((house.meter.open(), house.counts()), (0, (0, 0, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_leaves_nothing_behind() {
    let house = house(limits(4, 4));
    house.use_once(&peer("there:104")).await;
    let lent = house.lend(&peer("elsewhere:104")).await.unwrap();
    let House { pool, meter, .. } = house;
    drop(pool);
    assert_eq!(meter.open(), 2);
    drop(lent);
    assert_eq!(meter.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn quirks_are_obeyed() {
    let house = house(limits(16, 16));
    let single = NonZeroU32::new(1);
    let one = quirky("one:104", Quirks { operations_max: single, ..Quirks::default() });
    for _ in 0..3 {
        house.use_once(&one).await;
        pass(1).await;
    }
    assert_eq!((house.meter.made(), house.meter.open()), (3, 0));
    let fleeting = Quirks { linger: Some(Duration::ZERO), ..Quirks::default() };
    house.use_once(&quirky("fleeting:104", fleeting)).await;
    pass(1).await;
    assert_eq!(house.meter.open(), 0);
    let few = Quirks { associations_max: NonZeroUsize::new(1), ..Quirks::default() };
    let few = quirky("few:104", few);
    let _lent = house.lend(&few).await.unwrap();
    assert!(matches!(house.lend(&few).await.unwrap_err(), PoolError::Wait { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_association_does_not_grow_too_old() {
    let config = PoolConfig { age: Duration::from_secs(60), ..limits(4, 4) };
    let house = house(config);
    let there = peer("there:104");
    for _ in 0..10 {
        house.use_once(&there).await;
        pass(9).await;
    }
    assert_eq!((house.meter.made(), house.meter.most()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn operations_of_the_pool_borrow_for_themselves() {
    let house = house(limits(1, 1));
    let there = peer("there:104");
    let mut question = DataSet::new();
    question.set_text(tags::PATIENT_ID, "P1");
    for seed in 0..3 {
        assert_eq!(house.pool.echo(&there).await.unwrap(), Status::SUCCESS);
        let data_set = Bytes::from_static(&[7; 5000]);
        let stored = house.pool.store(&there, &ct_request(seed), data_set).await.unwrap();
        assert!(stored.is_delivered());
        let found = house.pool.find_all(&there, uids::MODALITY_WORKLIST_FIND, &question).await;
        assert_eq!(found.unwrap().len(), 3);
    }
    assert_eq!((house.desk.stored().len(), house.meter.most()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn what_went_stale_under_an_operation_is_done_once_more() {
    let calls = Arc::new(AtomicUsize::new(0));
    let line = Arc::new(OnceLock::<Meter>::new());
    let (counted, severed) = (Arc::clone(&calls), Arc::clone(&line));
    let desk = Desk::storing(move |_, body| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let severed = Arc::clone(&severed);
        async move {
            let whole = super::peers::read(body).await.is_ok();
            // This answer does not arrive, for once.
            if number == 1 {
                severed.get().unwrap().0.cut.store(1, Ordering::SeqCst);
            }
            if whole { Status::SUCCESS } else { Status::CANNOT_UNDERSTAND }
        }
    });
    let house = house_of(limits(2, 2), desk, ServerConfig::default());
    assert!(line.set(house.meter.clone()).is_ok());
    let there = peer("there:104");
    for seed in 0..2 {
        let data_set = Bytes::from_static(&[7; 5000]);
        let stored = house.pool.store(&there, &ct_request(seed), data_set).await.unwrap();
        assert!(stored.is_delivered());
    }
    assert_eq!((calls.load(Ordering::SeqCst), house.meter.made()), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_refused_does_not_cost_the_association() {
    let desk = Desk { find: Err(Status::OUT_OF_RESOURCES), ..Desk::default() };
    let house = house_of(limits(2, 2), desk, ServerConfig::default());
    let there = peer("there:104");
    let question = DataSet::new();
    for _ in 0..3 {
        let found = house.pool.find_all(&there, uids::MODALITY_WORKLIST_FIND, &question).await;
        let Err(PoolError::Association(error)) = found else { panic!("{found:?}") };
        assert_eq!(error.fault, AssociationFault::Failed(Status::OUT_OF_RESOURCES));
    }
    assert_eq!((house.meter.made(), house.counts()), (1, (1, 0, 0)));
}

#[test]
fn an_association_may_come_back_outside_its_runtime() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let (house, lent) = runtime.block_on(async {
        let desk = Desk::storing(|_, _| async move {
            pass(30).await;
            Status::SUCCESS
        });
        let house = house_of(limits(1, 1), desk, ServerConfig::default());
        let mut lent = house.lend(&peer("there:104")).await.unwrap();
        // The alarm of the idle time, 60 s, rings while an answer is awaited, and is set for that.
        pass(40).await;
        assert!(lent.store(&ct_request(1), Bytes::new()).await.unwrap().is_delivered());
        (house, lent)
    });
    drop(lent);
    assert_eq!(house.counts(), (1, 0, 0));
    let lent = runtime.block_on(house.lend(&peer("there:104"))).unwrap();
    assert!(lent.is_reused());
    drop(runtime);
    drop(lent);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_pooled_association_names_its_proposals() {
    let house = house(limits(2, 2));
    let quirks = Quirks { one_transfer_syntax_per_context: true, ..Quirks::default() };
    let syntaxes = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
    let contexts = vec![ProposedContext {
        id: 1,
        abstract_syntax: uids::VERIFICATION.to_owned(),
        transfer_syntaxes: syntaxes.map(str::to_owned).to_vec(),
    }];
    let lent = house.pool.checkout(&quirky("there:104", quirks), contexts).await.unwrap();
    assert_eq!((lent.proposed().len(), lent.accepted().len()), (2, 2));
}

#[test]
fn everything_of_a_pool_may_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    fn check<C: Connector>(pool: &Pool<C>, peer: &Peer, data_set: &DataSet) {
        is_send(pool.checkout(peer, Vec::new()));
        is_send(pool.echo(peer));
        is_send(pool.find_all(peer, "", data_set));
        is_send(pool.store(peer, &ct_request(1), Bytes::new()));
        is_send(pool.close());
    }
    let _ = check::<Metered>;
}
