use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Turn, Wire};
use crate::clock::{Clock, SystemClock};

async fn turn<S>(wire: &mut Wire<S>, wants_input: bool) -> Turn
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    poll_fn(|context| wire.poll_turn(context, SystemClock.now(), wants_input)).await
}

#[tokio::test]
async fn a_peer_that_does_not_read_does_not_keep_us_from_reading() {
    let (near, mut far) = tokio::io::duplex(16);
    let mut wire = Wire::new(near);
    wire.queue(SystemClock.now(), &mut vec![Bytes::from(vec![1; 100])]);
    far.write_all(b"hello").await.unwrap();
    let Turn::Read(bytes) = turn(&mut wire, true).await else { panic!("expected input") };
    assert_eq!(&bytes[..], b"hello");
    assert_eq!(wire.outgoing_bytes(), 84);
}

#[tokio::test]
async fn pieces_leave_in_order_and_whole() {
    let (near, mut far) = tokio::io::duplex(7);
    let mut wire = Wire::new(near);
    let pieces: Vec<Bytes> = (0..100u8).map(|n| Bytes::from(vec![n; usize::from(n)])).collect();
    let expected: Vec<u8> = pieces.concat();
    wire.queue(SystemClock.now(), &mut pieces.clone());
    let mut got = vec![0; expected.len()];
    let reading = far.read_exact(&mut got);
    let writing = async {
        while !wire.is_drained() {
            assert!(matches!(turn(&mut wire, true).await, Turn::Wrote));
        }
    };
    let (read, ()) = tokio::join!(reading, writing);
    read.unwrap();
    assert_eq!(got, expected);
    assert_eq!(wire.bytes_sent, expected.len() as u64);
}

#[tokio::test]
async fn the_last_words_of_a_peer_are_heard_before_its_broken_pipe() {
    let (near, mut far) = tokio::io::duplex(16);
    let mut wire = Wire::new(near);
    far.write_all(b"abort").await.unwrap();
    drop(far);
    wire.queue(SystemClock.now(), &mut vec![Bytes::from_static(b"never read")]);
    assert!(matches!(turn(&mut wire, true).await, Turn::Read(bytes) if &bytes[..] == b"abort"));
    assert!(matches!(turn(&mut wire, true).await, Turn::EndOfInput));
    assert!(matches!(turn(&mut wire, true).await, Turn::Failed(_)));
}

#[tokio::test]
async fn without_appetite_nothing_is_read() {
    let (near, mut far) = tokio::io::duplex(16);
    let mut wire = Wire::new(near);
    far.write_all(b"data").await.unwrap();
    let polled = tokio::time::timeout(Duration::from_millis(1), turn(&mut wire, false)).await;
    assert!(polled.is_err());
    assert_eq!(wire.bytes_received, 0);
}

#[tokio::test(start_paused = true)]
async fn the_progress_deadline_runs_only_while_something_waits() {
    let (near, mut far) = tokio::io::duplex(4);
    let mut wire = Wire::new(near);
    let allowed = Duration::from_secs(5);
    assert_eq!(wire.progress_deadline(allowed), None);
    let start = SystemClock.now();
    wire.queue(start, &mut vec![Bytes::from_static(b"12345678")]);
    assert_eq!(wire.progress_deadline(allowed), Some(start + allowed));
    tokio::time::advance(Duration::from_secs(1)).await;
    let _ = turn(&mut wire, true).await;
    assert_eq!(wire.progress_deadline(allowed), Some(start + Duration::from_secs(6)));
    let mut all = [0; 8];
    let (read, _) = tokio::join!(far.read_exact(&mut all), turn(&mut wire, true));
    read.unwrap();
    assert_eq!(wire.progress_deadline(allowed), None);
}

/// Takes every byte and lets none go, as TLS does on a transport that is full.
struct Holding;

impl AsyncRead for Holding {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Holding {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn bytes_that_the_transport_holds_back_have_not_been_sent() {
    let (mut wire, now) = (Wire::new(Holding), SystemClock.now());
    wire.queue(now, &mut vec![Bytes::from_static(b"answer")]);
    let mut context = Context::from_waker(Waker::noop());
    let _ = wire.poll_turn(&mut context, now, true);
    assert!(wire.outgoing_bytes() > 0);
    let patience = Duration::from_secs(60);
    assert_eq!(wire.progress_deadline(patience), Some(now + patience));
}

#[test]
fn a_transport_is_flushed_at_rest_and_not_while_something_waits_to_be_written() {
    #[derive(Default)]
    struct Counting {
        flushes: usize,
    }
    impl AsyncRead for Counting {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    impl AsyncWrite for Counting {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    let (mut wire, now) = (Wire::new(Counting::default()), SystemClock.now());
    let mut context = Context::from_waker(Waker::noop());
    assert!(wire.poll_turn(&mut context, now, true).is_pending());
    assert_eq!(wire.stream.flushes, 0);
    wire.rest(&mut context);
    assert_eq!(wire.stream.flushes, 1);
    wire.queue(now, &mut vec![Bytes::from_static(b"answer")]);
    wire.rest(&mut context);
    assert_eq!(wire.stream.flushes, 1);
}
