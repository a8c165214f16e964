//! The server from outside, over loopback.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;

/// A server of a page that counts how often it was made.
struct Served {
    address: SocketAddr,
    made: Arc<AtomicU32>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Served {
    async fn start(before: impl Fn() + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let made = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&made);
        let reader: Reader = Box::new(move || {
            before();
            format!("page {}\n", count.fetch_add(1, Ordering::SeqCst))
        });
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, reader, async { drop(stopped.await) }));
        Self { address, made, stop: Some(stop), task }
    }

    async fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await
    }
}

#[tokio::test]
async fn paths_and_methods_are_answered_as_they_should() {
    let served = Served::start(|| {}).await;
    let page = served.get("/metrics").await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\npage 0\n"), "{page}");
    assert!(page.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{page}");
    assert!(served.get("/").await.contains("href=\"/metrics\""));
    assert!(served.get("/metric").await.starts_with("HTTP/1.1 404"));
    let head = served.ask("HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let post = served.ask("POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(post.starts_with("HTTP/1.1 405") && post.contains("allow: GET, HEAD"), "{post}");
    assert!(served.ask("nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn those_who_ask_together_share_one_reading() {
    let (hold, held) = std::sync::mpsc::sync_channel::<()>(1);
    let served = Arc::new(Served::start(move || held.recv().expect("let go")).await);
    let asks: Vec<_> = (0..8)
        .map(|_| {
            let served = Arc::clone(&served);
            tokio::spawn(async move { served.get("/metrics").await })
        })
        .collect();
    hold.send(()).expect("the reading waits");
    for ask in asks {
        let answer = ask.await.expect("an answer");
        assert!(answer.ends_with("page 0\n"), "{answer}");
    }
    assert_eq!(served.made.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reading_is_given_again_for_a_second_and_then_made_anew() {
    let desk = {
        let mut made = 0;
        Desk::new(Box::new(move || {
            made += 1;
            made.to_string()
        }))
    };
    assert_eq!(desk.page().await, Ok(Bytes::from("1")));
    tokio::time::advance(MAX_AGE / 2).await;
    assert_eq!(desk.page().await, Ok(Bytes::from("1")));
    tokio::time::advance(MAX_AGE / 2).await;
    assert_eq!(desk.page().await, Ok(Bytes::from("2")));
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_hangs_is_told_and_not_asked_twice() {
    let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
    let begun = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&begun);
    let desk = Desk::new(Box::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let _ = held.recv();
        "late".to_owned()
    }));
    // Paused time stands still while a blocking task runs, so it is moved by hand.
    for _ in 0..2 {
        let mut asking = std::pin::pin!(desk.page());
        assert!(futures_poll(asking.as_mut()).await.is_none());
        tokio::time::advance(PATIENCE).await;
        assert_eq!(asking.await, Err("the driver does not answer\n"));
    }
    drop(hold);
    assert_eq!(desk.page().await, Ok(Bytes::from("late")));
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

/// The answer, if it is there already.
async fn futures_poll<T>(mut future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn a_reading_that_panics_fails_alone() {
    let first = AtomicU32::new(0);
    let served = Served::start(move || {
        assert!(first.fetch_add(1, Ordering::SeqCst) > 0, "the first one fails");
    })
    .await;
    assert!(served.get("/metrics").await.starts_with("HTTP/1.1 503"));
    assert!(served.get("/metrics").await.ends_with("page 0\n"));
}

#[tokio::test]
async fn at_the_end_an_answer_that_is_under_way_is_finished() {
    let (hold, held) = std::sync::mpsc::sync_channel::<()>(0);
    let (begun, mut began) = tokio::sync::mpsc::channel(1);
    let mut served = Served::start(move || {
        let _ = begun.try_send(());
        let _ = held.recv();
    })
    .await;
    let address = served.address;
    let ask = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    });
    began.recv().await.expect("the reading has begun");
    drop(served.stop.take());
    drop(hold);
    assert!(ask.await.expect("an answer").ends_with("page 0\n"), "it was finished, then closed");
    served.task.await.expect("the server ends");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait_and_are_served_later() {
    let served = Served::start(|| {}).await;
    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(TcpStream::connect(served.address).await.expect("it listens"));
    }
    let waiting = served.get("/metrics");
    let free = async {
        for stream in &mut idle {
            stream.shutdown().await.expect("closed");
        }
    };
    let (answer, ()) = tokio::join!(waiting, free);
    assert!(answer.ends_with("page 0\n"), "{answer}");
}
