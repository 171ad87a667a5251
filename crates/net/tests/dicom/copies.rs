//! On plain TCP the payload is never copied here: what is written lies where it was read, or where the sender gave it.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use telerad_dicom::{Status, uids};
use telerad_net::dicom::{ClientAssociation, ServerConfig, serve_stream};
use telerad_net::{Connector, Listener, SystemClock, TcpAcceptor, TcpConnector, TcpLink, shutdown};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Mutex as AsyncMutex;

use crate::peers::{Desk, ct_request, every_context, peer};

const LENGTH: usize = 1_234_567;

/// Where in memory bytes were read to and written from.
#[derive(Default)]
struct Places {
    read: Vec<Range<usize>>,
    written: Vec<Range<usize>>,
}

/// A TCP stream that notes the places of its buffers.
struct Noting {
    link: TcpLink,
    places: Arc<Mutex<Places>>,
}

impl Noting {
    fn new(link: TcpLink) -> (Self, Arc<Mutex<Places>>) {
        let places = Arc::default();
        (Self { link, places: Arc::clone(&places) }, places)
    }
}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.link).poll_read(context, buffer);
        self.places.lock().unwrap().read.push(place(&buffer.filled()[before..]));
        read
    }
}

impl AsyncWrite for Noting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_mut().poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.link).poll_write_vectored(context, slices);
        if let Poll::Ready(Ok(mut left)) = written {
            let mut places = self.places.lock().unwrap();
            for slice in slices {
                let count = left.min(slice.len());
                places.written.push(place(&slice[..count]));
                left -= count;
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(context)
    }
}

fn place(bytes: &[u8]) -> Range<usize> {
    let start = bytes.as_ptr().addr();
    start..start + bytes.len()
}

/// How many bytes of `inner` lie in `outer`; overlaps of `outer` with itself must not exist.
fn within(inner: &[Range<usize>], outer: &[Range<usize>]) -> usize {
    let common =
        |a: &Range<usize>, b: &Range<usize>| a.end.min(b.end).saturating_sub(a.start.max(b.start));
    inner.iter().flat_map(|one| outer.iter().map(move |other| common(one, other))).sum()
}

/// Both ends of a loopback connection.
async fn connection() -> (TcpLink, TcpLink) {
    let mut listener = TcpAcceptor::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_address();
    let (accepted, connected) = tokio::join!(listener.accept(), TcpConnector.connect(&address));
    (connected.unwrap(), accepted.unwrap().0)
}

/// An association whose acceptor is this desk, and the places of both ends.
async fn associate(desk: Desk) -> (ClientAssociation, Arc<Mutex<Places>>, Arc<Mutex<Places>>) {
    let (near, far) = connection().await;
    let ((near, calling), (far, called)) = (Noting::new(near), Noting::new(far));
    tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        serve_stream(far, "127.0.0.1:1", Arc::new(desk), ServerConfig::default(), stop).await;
    });
    let clock = SystemClock::shared();
    let opened = ClientAssociation::open(near, clock, &peer("there:104"), every_context()).await;
    (opened.unwrap(), calling, called)
}

#[tokio::test]
async fn what_is_sent_lies_where_it_was_given() {
    let (mut association, calling, _) = associate(Desk::default()).await;
    let data_set = Bytes::from(vec![5; LENGTH]);
    let answer = association.store(&ct_request(1), data_set.clone()).await.unwrap();
    assert!(answer.is_delivered());
    let sent = within(&calling.lock().unwrap().written, &[place(&data_set)]);
    assert_eq!(sent, LENGTH);
}

#[tokio::test]
async fn what_is_passed_on_lies_where_it_was_read() {
    let archive = Desk::default();
    let (onward, sent, _) = associate(archive.clone()).await;
    let onward = Arc::new(AsyncMutex::new(onward));
    // Nothing is freed, so that no other bytes can come to lie in the same place.
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    let desk = Desk::storing(move |request, mut body| {
        let (onward, keep) = (Arc::clone(&onward), Arc::clone(&keep));
        async move {
            let mut pieces = std::collections::VecDeque::new();
            while let Some(piece) = body.next().await {
                pieces.push_back(piece.unwrap());
            }
            keep.lock().unwrap().extend(pieces.iter().cloned());
            onward
                .lock()
                .await
                .store(&request, pieces)
                .await
                .map_or(Status::OUT_OF_RESOURCES, |answer| answer.status())
        }
    });
    let (mut association, _, received) = associate(desk).await;
    let data_set: Bytes = (0..LENGTH).map(|at| (at % 251) as u8).collect();
    let answer = association.store(&ct_request(1), data_set.clone()).await.unwrap();
    assert!(answer.is_delivered());
    assert_eq!(archive.stored()[0].0.transfer_syntax_uid, uids::JPEG_2000_LOSSLESS);
    assert_eq!(archive.stored()[0].1, data_set);

    let kept: Vec<Range<usize>> = kept.lock().unwrap().iter().map(|it| place(it)).collect();
    let received = within(&kept, &received.lock().unwrap().read);
    assert_eq!(received, LENGTH, "received pieces are slices of reads");
    let sent = within(&sent.lock().unwrap().written, &kept);
    assert_eq!(sent, LENGTH, "sent slices are the pieces");
}
