//! A server on loopback that answers each path in its own way, as badly as asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a path answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A page, as dcgm-exporter sends it.
    Page(String),
    /// These bytes, and then the connection is closed.
    Raw(Vec<u8>),
    /// These bytes, and then silence.
    Stall(Vec<u8>),
    /// A head, and then the chunk without end.
    Endless { head: Vec<u8>, chunk: Vec<u8> },
}

impl Answer {
    /// A page of plain text.
    pub fn page(text: &str) -> Self {
        Self::Page(text.to_owned())
    }

    /// A whole answer with these header lines.
    pub fn with(status: &str, headers: &str, body: &[u8]) -> Self {
        let mut bytes = format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\n\r\n").into_bytes();
        bytes.extend_from_slice(body);
        Self::Raw(bytes)
    }
}

/// The server; it ends with the test's runtime.
pub struct Server {
    /// `127.0.0.1:port`.
    pub address: String,
    /// Requests so far.
    pub requests: Arc<AtomicUsize>,
}

impl Server {
    /// Starts it on a free port. Path `/i` answers as `answers[i]`.
    pub async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let answers = Arc::new(answers);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (answers, count) = (Arc::clone(&answers), Arc::clone(&count));
                // A client that hangs up early is what some of the tests are about.
                tokio::spawn(async move { serve(socket, &answers, &count).await.ok() });
            }
        });
        Self { address, requests }
    }

    /// The URLs of all `count` paths.
    pub fn urls(&self, count: usize) -> Vec<String> {
        (0..count).map(|i| format!("http://{}/{i}", self.address)).collect()
    }
}

async fn serve(mut socket: TcpStream, answers: &[Answer], count: &AtomicUsize) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(socket.read_u8().await?);
    }
    count.fetch_add(1, Ordering::Relaxed);
    let text = String::from_utf8_lossy(&request);
    let index: usize = text
        .split_whitespace()
        .nth(1)
        .and_then(|p| p.trim_start_matches('/').parse().ok())
        .expect("tests ask for numbered paths");
    match &answers[index] {
        Answer::Page(page) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                page.len()
            );
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(page.as_bytes()).await
        }
        Answer::Raw(bytes) => socket.write_all(bytes).await,
        Answer::Stall(bytes) => {
            socket.write_all(bytes).await?;
            // Nothing more is sent, until the client hangs up.
            socket.read_u8().await.map(|_| ())
        }
        Answer::Endless { head, chunk } => {
            socket.write_all(head).await?;
            loop {
                socket.write_all(chunk).await?;
            }
        }
    }
}

/// A gzip stream without end, 160 times smaller than what it unpacks to: a head, and a piece of a
/// deflate block that repeats the letter before it 258 times, eight times over.
pub fn gzip_bomb() -> (Vec<u8>, Vec<u8>) {
    let mut head = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut bits = Bits::default();
    // Not the last block, fixed codes; then the letter `#`, so that it unpacks to a comment.
    bits.push(0, 1);
    bits.push(0b01, 2);
    bits.push_code(0x30 + u32::from(b'#'), 8);
    // Length 258 is the code 285 (8 bits), distance 1 the code 0 (5 bits): up to a whole byte.
    let repeat = |bits: &mut Bits| {
        bits.push_code(0b1100_0000 + 285 - 280, 8);
        bits.push_code(0, 5);
    };
    while bits.bytes.is_empty() || bits.count != 0 {
        repeat(&mut bits);
    }
    head.extend_from_slice(&bits.bytes);
    let mut piece = Bits::default();
    for _ in 0..8 * 512 {
        repeat(&mut piece);
    }
    (head, piece.bytes)
}

/// Deflate's bit order: first bit of a byte is its lowest.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    current: u8,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, length: u32) {
        for i in 0..length {
            self.current |= u8::from(value >> i & 1 == 1) << self.count;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.current);
                (self.current, self.count) = (0, 0);
            }
        }
    }

    /// Huffman codes are packed from their highest bit on.
    fn push_code(&mut self, code: u32, length: u32) {
        self.push(code.reverse_bits() >> (32 - length), length);
    }
}
