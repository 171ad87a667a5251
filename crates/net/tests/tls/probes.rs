//! Those who connect and do not speak TLS leave nothing behind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use telerad_net::mllp::{MessageHandler, ServerConfig, serve};
use telerad_net::tls::{ClientCertificate, TlsAcceptor};
use telerad_net::{BoxFuture, Clock, Remote, SystemClock, TokioSpawn, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::Authority;
use crate::pair::pair;

struct Nobody;

impl MessageHandler for Nobody {
    fn handle(&self, _: Remote, _: Bytes) -> BoxFuture<'static, Bytes> {
        unreachable!("nobody gets as far as a message")
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_let_go_at_its_deadline_and_holds_nobody_up() {
    let north = Authority::new("North CA");
    let (port, cable) = pair();
    let listener = TlsAcceptor::new(port, north.server(ClientCertificate::None));
    let (handle, stop) = shutdown();
    let spawn = Arc::new(TokioSpawn);
    let config = ServerConfig { tls_seconds_max: 10, ..ServerConfig::default() };
    let serving = tokio::spawn(serve(listener, Arc::new(Nobody), config, spawn, stop));
    let start = SystemClock.now();
    let mut silent = cable.plug();
    let mut half = cable.plug();
    half.write_all(b"\x16\x03\x01\x02").await.unwrap();
    // Behind them, a browser is answered at once.
    let mut browser = cable.plug();
    browser.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    browser.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(SystemClock.now(), start);
    drop(cable.plug());
    for stream in [&mut silent, &mut half] {
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    }
    assert_eq!(SystemClock.now() - start, Duration::from_secs(10));
    handle.request();
    serving.await.unwrap();
    // Nothing was left to drain.
    assert_eq!(SystemClock.now() - start, Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_handshakes() {
    let north = Authority::new("North CA");
    let (port, cable) = pair();
    let listener = TlsAcceptor::new(port, north.server(ClientCertificate::None));
    let (handle, stop) = shutdown();
    let spawn = Arc::new(TokioSpawn);
    let serving =
        tokio::spawn(serve(listener, Arc::new(Nobody), ServerConfig::default(), spawn, stop));
    let start = SystemClock.now();
    let _silent = cable.plug();
    tokio::task::yield_now().await;
    handle.request();
    serving.await.unwrap();
    assert_eq!(SystemClock.now(), start);
}
