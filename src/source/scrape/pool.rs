//! Buffers of answers, used again and again, and decompression into them.

use std::io::{ErrorKind, Read};
use std::sync::{Mutex, PoisonError};

use flate2::read::MultiGzDecoder;

use super::fetch::FetchError;

/// Most buffers that are kept.
const MAX_FREE: usize = 64;
/// Largest buffer that is kept, bytes.
const MAX_KEPT: usize = 256 << 10;
/// So much is decompressed between two looks at the bound, bytes.
const STEP: u64 = 64 << 10;

/// Free buffers.
#[derive(Debug, Default)]
pub struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// An empty buffer, with the capacity of an earlier answer where there was one.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Takes a buffer back. One that grew large, or one too many, is given up.
    pub fn give(&self, mut buffer: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if (1..=MAX_KEPT).contains(&buffer.capacity()) && free.len() < MAX_FREE {
            buffer.clear();
            free.push(buffer);
        }
    }
}

/// Appends what the gzip stream `packed` holds to `out`, at most `most` bytes; `room` is asked before
/// it grows to a size.
///
/// # Errors
/// The stream is broken or ends early, or it unpacks to more than `most` bytes.
pub fn unzip(
    packed: &[u8],
    out: &mut Vec<u8>,
    most: usize,
    mut room: impl FnMut(usize) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let mut decoder = MultiGzDecoder::new(packed);
    loop {
        let before = out.len();
        let read = decoder.by_ref().take(STEP).read_to_end(out);
        if out.len() > most {
            return Err(FetchError::TooLarge(most));
        }
        match read {
            Ok(_) if out.len() == before => return Ok(()),
            Ok(_) => room(out.len())?,
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Err(FetchError::Cut),
            Err(_) => return Err(FetchError::Encoding),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn zip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    fn all(packed: &[u8], most: usize) -> Result<Vec<u8>, FetchError> {
        let mut out = Vec::new();
        unzip(packed, &mut out, most, |_| Ok(())).map(|()| out)
    }

    #[test]
    fn what_was_packed_comes_back_within_its_bound() {
        let page = b"a 1\n".repeat(50_000);
        let packed = zip(&page);
        assert_eq!(all(&packed, page.len()), Ok(page.clone()));
        assert_eq!(all(&packed, page.len() - 1), Err(FetchError::TooLarge(page.len() - 1)));
        assert_eq!(all(&packed[..packed.len() / 2], page.len()), Err(FetchError::Cut));
        assert_eq!(all(b"no gzip at all, whatever", 100), Err(FetchError::Encoding));
        let none = unzip(&packed, &mut Vec::new(), page.len(), |_| Err(FetchError::Crowded));
        assert_eq!(none, Err(FetchError::Crowded));
    }

    #[test]
    fn buffers_are_kept_unless_they_are_large_or_many() {
        let pool = Pool::default();
        pool.give(Vec::with_capacity(1000));
        assert!(pool.take().capacity() >= 1000);
        pool.give(Vec::with_capacity(MAX_KEPT + 1));
        pool.give(Vec::new());
        assert_eq!(pool.take().capacity(), 0);
        for _ in 0..MAX_FREE + 5 {
            pool.give(Vec::with_capacity(10));
        }
        assert_eq!(pool.free.lock().map(|f| f.len()).ok(), Some(MAX_FREE));
    }
}
