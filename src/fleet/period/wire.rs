//! Reading and writing the bytes of periods. What is read is not trusted: nothing is taken that is
//! not there, and nothing is unpacked into more memory than its reader allows.

use std::borrow::Cow;

use zstd::bulk::{Compressor, Decompressor};

/// Bytes from which numbers are taken, little endian; `None` where they have come to their end.
#[derive(Clone, Debug)]
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// All of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// True at the end.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are left.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next two bytes as a number.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes as a number.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a signed number.
    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// The next eight bytes as a number.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// A section as it stands in the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    /// What it holds.
    pub id: u16,
    /// How it is stored: [`PLAIN`] or [`ZSTD`].
    how: u16,
    /// Length of the payload once it is unpacked, bytes.
    len: usize,
    stored: &'a [u8],
}

const PLAIN: u16 = 0;
const ZSTD: u16 = 1;
/// Compression level of payloads: they are small and written once in ten seconds.
const LEVEL: i32 = 3;

impl<'a> Section<'a> {
    /// The next section; `None` where it is cut off.
    pub(crate) fn next(bytes: &mut Bytes<'a>) -> Option<Self> {
        let (id, how) = (bytes.u16()?, bytes.u16()?);
        let (stored, len) = (bytes.u32()? as usize, bytes.u32()? as usize);
        Some(Self { id, how, len, stored: bytes.take(stored)? })
    }

    /// The payload, unpacked: at most `most` bytes. `None` where it is longer or damaged.
    pub(crate) fn payload(&self, most: usize) -> Option<Cow<'a, [u8]>> {
        match self.how {
            _ if self.len > most => None,
            PLAIN => (self.stored.len() == self.len).then_some(Cow::Borrowed(self.stored)),
            ZSTD => {
                let mut out = Vec::with_capacity(self.len);
                Decompressor::new().ok()?.decompress_to_buffer(self.stored, &mut out).ok()?;
                (out.len() == self.len).then_some(Cow::Owned(out))
            }
            _ => None,
        }
    }
}

/// Writes sections.
pub(crate) struct Writer {
    out: Vec<u8>,
    zstd: Option<Compressor<'static>>,
}

impl Writer {
    /// A writer that goes on after `head`.
    pub(crate) fn new(head: Vec<u8>) -> Self {
        Self { out: head, zstd: Compressor::new(LEVEL).ok() }
    }

    /// Adds a section that is stored as it is.
    pub(crate) fn plain(&mut self, id: u16, payload: &[u8]) {
        self.add((id, PLAIN), payload, payload.len());
    }

    /// Adds a section that is compressed where that makes it smaller.
    pub(crate) fn packed(&mut self, id: u16, payload: &[u8]) {
        let packed = self.zstd.as_mut().and_then(|z| z.compress(payload).ok());
        match packed.filter(|p| p.len() < payload.len()) {
            Some(packed) => self.add((id, ZSTD), &packed, payload.len()),
            None => self.plain(id, payload),
        }
    }

    fn add(&mut self, (id, how): (u16, u16), stored: &[u8], len: usize) {
        self.out.extend(id.to_le_bytes());
        self.out.extend(how.to_le_bytes());
        self.out.extend((stored.len() as u32).to_le_bytes());
        self.out.extend((len as u32).to_le_bytes());
        self.out.extend_from_slice(stored);
    }

    /// Everything that was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Numbers as planes: all first bytes, then all second ones, and so on. Numbers that are alike in
/// their high bytes pack well so.
pub(crate) fn to_planes<const N: usize>(numbers: impl Iterator<Item = [u8; N]> + Clone) -> Vec<u8> {
    (0..N).flat_map(|plane| numbers.clone().map(move |n| n[plane])).collect()
}

/// The inverse of [`to_planes`]; bytes beyond a multiple of `N` are left out.
pub(crate) fn from_planes<const N: usize>(planes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    let n = planes.len() / N;
    (0..n).map(move |i| std::array::from_fn(|plane| planes[plane * n + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_planes() {
        let numbers = [1u32, 0xdead_beef, u32::MAX, 0];
        let planes = to_planes(numbers.iter().map(|n| n.to_le_bytes()));
        assert_eq!(&planes[..4], [1, 0xef, 0xff, 0]);
        assert_eq!(from_planes(&planes).map(u32::from_le_bytes).collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn a_section_is_packed_where_that_pays_and_bounded_where_it_is_read() {
        let mut w = Writer::new(vec![]);
        w.packed(1, &[7; 10_000]);
        w.packed(2, b"ab");
        let bytes = w.finish();
        assert!(bytes.len() < 200);
        let mut at = Bytes::new(&bytes);
        let (one, two) = (Section::next(&mut at).expect("first"), Section::next(&mut at).expect("second"));
        assert_eq!(one.payload(10_000).as_deref(), Some(&[7; 10_000][..]));
        assert_eq!(one.payload(9_999), None, "longer than its reader allows");
        assert_eq!((two.payload(2).as_deref(), at.is_empty()), (Some(&b"ab"[..]), true));
        let lie = Section { len: 9_999, ..one };
        assert_eq!(lie.payload(20_000), None, "longer than it says");
    }

    #[test]
    fn nothing_is_taken_beyond_the_end() {
        let mut at = Bytes::new(&[1, 2, 3]);
        assert_eq!(
            (at.u32(), at.u16(), at.u16(), at.take(1), at.len()),
            (None, Some(0x201), None, Some(&[3][..]), 0)
        );
    }
}
