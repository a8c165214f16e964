//! Remote read with streamed chunks: the samples as Prometheus stores them, which is twenty times less
//! to send and to read than JSON.
//!
//! The stream is a row of frames: length (varint), CRC-32C of the message (4 bytes, the highest first),
//! and a `ChunkedReadResponse` (prometheus `prompb/remote.proto`). Only chunks of type XOR are read.
//! Nothing of a message is believed before its checksum is right: TCP lets one wrong packet of many
//! millions pass, and a proxy or a failing disk has no checksum at all.

use quick_protobuf::{BytesReader, Writer};

use super::xor::Samples;

/// Type of XOR chunks.
const XOR: i32 = 1;
/// Chunks that do not say their times may hold any.
const ALL: (i64, i64) = (i64::MIN, i64::MAX);
/// Largest frame; Prometheus makes them of about 1 MiB.
pub const MAX_FRAME: usize = 16 << 20;
/// Content type of a streamed answer.
pub const STREAMED: &str = "application/x-streamed-protobuf";

/// How a matcher compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Match,
    /// `!~`
    NoMatch,
}

/// One label matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// Label.
    pub name: String,
    /// How.
    pub compare: Compare,
    /// With what.
    pub value: String,
}

/// Splits matchers as they stand between braces; `None` where that is not possible.
#[must_use]
pub fn matchers(selector: &str) -> Option<Vec<Matcher>> {
    const SIGNS: [(&str, Compare); 4] =
        [("=~", Compare::Match), ("!~", Compare::NoMatch), ("!=", Compare::NotEqual), ("=", Compare::Equal)];
    let mut out = Vec::new();
    let mut rest = selector.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', '!'])?;
        let (name, after) = rest.split_at(end);
        let (sign, compare) = SIGNS.into_iter().find(|(s, _)| after.starts_with(s))?;
        let after = after[sign.len()..].trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (mut value, mut escaped, mut length) = (String::new(), false, None);
        for (i, c) in after.char_indices().skip(1) {
            match c {
                // Only the escapes that regular expressions and names need.
                _ if escaped => {
                    value.push(if matches!(c, '\\' | '"' | '\'') { c } else { return None });
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    length = Some(i + 1);
                    break;
                }
                c => value.push(c),
            }
        }
        out.push(Matcher { name: name.trim().to_owned(), compare, value });
        rest = after[length?..].trim_start().trim_start_matches(',').trim_start();
    }
    Some(out)
}

/// The body of a request for the samples from `from` to `to` (ms, both included), compressed.
#[must_use]
pub fn request((from, to): (i64, i64), matchers: &[Matcher]) -> Vec<u8> {
    let mut query = Vec::new();
    let write = |out: &mut Vec<u8>, f: &dyn Fn(&mut Writer<&mut Vec<u8>>) -> quick_protobuf::Result<()>| {
        // Writing into memory cannot fail.
        let _ = f(&mut Writer::new(out));
    };
    write(&mut query, &|w| {
        w.write_with_tag(8, |w| w.write_int64(from))?;
        w.write_with_tag(16, |w| w.write_int64(to))
    });
    for m in matchers {
        let mut one = Vec::new();
        write(&mut one, &|w| {
            w.write_with_tag(8, |w| w.write_enum(m.compare as i32))?;
            w.write_with_tag(18, |w| w.write_string(&m.name))?;
            w.write_with_tag(26, |w| w.write_string(&m.value))
        });
        write(&mut query, &|w| w.write_with_tag(26, |w| w.write_bytes(&one)));
    }
    let mut out = Vec::new();
    write(&mut out, &|w| {
        w.write_with_tag(10, |w| w.write_bytes(&query))?;
        // Accepted: STREAMED_XOR_CHUNKS.
        w.write_with_tag(16, |w| w.write_enum(1))
    });
    snap::raw::Encoder::new().compress_vec(&out).unwrap_or_default()
}

/// Why a stream cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A frame is too large.
    #[error("a frame of the stream is over {} MiB", MAX_FRAME >> 20)]
    Frame,
    /// It ended within a frame.
    #[error("answer cut short")]
    Cut,
    /// The bytes are no frames.
    #[error("the answer is no stream of chunks")]
    Foreign,
    /// The bytes of a message are not those that the engine sent.
    #[error("a frame of the stream is damaged: its checksum (CRC-32C) is wrong")]
    Damaged,
    /// There are chunks of a kind that is not known here.
    #[error("the engine sends chunks of type {0}, which are not known here")]
    Kind(i32),
}

/// Cuts a stream into frames.
#[derive(Debug, Default)]
pub struct Stream {
    buffer: Vec<u8>,
}

impl Stream {
    /// Takes the next bytes and hands each whole message to `sink`.
    ///
    /// # Errors
    /// They are no frames, one of them is damaged, or `sink` says so.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let rest = &self.buffer[at..];
            let Some((length, head)) = length(rest)? else { break };
            let Some(frame) = rest.get(head..head + 4 + length) else { break };
            let Some((sum, message)) = frame.split_first_chunk::<4>() else { break };
            if crc32c::crc32c(message) != u32::from_be_bytes(*sum) {
                return Err(StreamError::Damaged);
            }
            sink(message)?;
            at += head + 4 + length;
        }
        self.buffer.drain(..at);
        Ok(())
    }

    /// The end of the stream.
    ///
    /// # Errors
    /// A frame is not whole.
    pub const fn finish(&self) -> Result<(), StreamError> {
        if self.buffer.is_empty() { Ok(()) } else { Err(StreamError::Cut) }
    }
}

/// The length of the message that a frame begins with, and how many bytes tell it.
fn length(bytes: &[u8]) -> Result<Option<(usize, usize)>, StreamError> {
    let mut out = 0_usize;
    for (i, b) in bytes.iter().enumerate().take(5) {
        out |= usize::from(b & 0x7f) << (7 * i);
        if out > MAX_FRAME {
            return Err(StreamError::Frame);
        }
        if *b < 0x80 {
            return Ok(Some((out, i + 1)));
        }
    }
    if bytes.len() >= 5 { Err(StreamError::Foreign) } else { Ok(None) }
}

/// One series of a message: its labels, and the bytes of its chunks.
#[derive(Debug, Default)]
pub struct Chunked<'a> {
    /// Names and values.
    pub labels: Vec<(&'a [u8], &'a [u8])>,
    chunks: Vec<Chunk<'a>>,
}

/// A chunk of type XOR.
#[derive(Clone, Copy, Debug)]
struct Chunk<'a> {
    /// First and last moment as the engine tells them, ms; the last one of a chunk that it still writes
    /// may be the end of all time.
    span: (i64, i64),
    data: &'a [u8],
}

impl<'a> Chunked<'a> {
    /// The value of label `name`, or an empty one.
    #[must_use]
    pub fn label(&self, name: &[u8]) -> &'a [u8] {
        self.labels.iter().find(|(n, _)| *n == name).map(|(_, v)| *v).unwrap_or_default()
    }

    /// The samples between `from` and `to` (ms, both included). Chunks that say of themselves that they
    /// are of another time are not unpacked.
    pub fn samples(&self, (from, to): (i64, i64)) -> impl Iterator<Item = (i64, f64)> + use<'a, '_> {
        let its = move |c: &&Chunk<'_>| c.span.0 <= to && c.span.1 >= from;
        let samples = self.chunks.iter().filter(its).flat_map(|c| Samples::new(c.data));
        samples.filter(move |(time, _)| (from..=to).contains(time))
    }
}

/// Reads a message and hands each series to `sink`.
///
/// # Errors
/// It is no message of this kind, or has chunks of another type.
pub fn message(bytes: &[u8], mut sink: impl FnMut(&Chunked<'_>)) -> Result<(), StreamError> {
    let foreign = |_| StreamError::Foreign;
    let mut reader = BytesReader::from_bytes(bytes);
    let mut series = Chunked::default();
    while !reader.is_eof() {
        match reader.next_tag(bytes).map_err(foreign)? {
            10 => {
                series.labels.clear();
                series.chunks.clear();
                one_series(reader.read_bytes(bytes).map_err(foreign)?, &mut series)?;
                sink(&series);
            }
            tag => reader.read_unknown(bytes, tag).map_err(foreign)?,
        }
    }
    Ok(())
}

fn one_series<'a>(bytes: &'a [u8], series: &mut Chunked<'a>) -> Result<(), StreamError> {
    let foreign = |_| StreamError::Foreign;
    let mut reader = BytesReader::from_bytes(bytes);
    while !reader.is_eof() {
        match reader.next_tag(bytes).map_err(foreign)? {
            10 => {
                let (mut name, mut value) = (&b""[..], &b""[..]);
                fields(reader.read_bytes(bytes).map_err(foreign)?, |tag, field| match tag {
                    1 => name = field,
                    2 => value = field,
                    _ => {}
                })?;
                series.labels.push((name, value));
            }
            18 => {
                series.chunks.push(one_chunk(reader.read_bytes(bytes).map_err(foreign)?)?);
            }
            tag => reader.read_unknown(bytes, tag).map_err(foreign)?,
        }
    }
    Ok(())
}

/// Hands the fields of a message that are made of bytes to `sink`, by their numbers.
fn fields<'a>(bytes: &'a [u8], mut sink: impl FnMut(u32, &'a [u8])) -> Result<(), StreamError> {
    let foreign = |_| StreamError::Foreign;
    let mut reader = BytesReader::from_bytes(bytes);
    while !reader.is_eof() {
        match reader.next_tag(bytes).map_err(foreign)? {
            tag if tag & 7 == 2 => sink(tag >> 3, reader.read_bytes(bytes).map_err(foreign)?),
            tag => reader.read_unknown(bytes, tag).map_err(foreign)?,
        }
    }
    Ok(())
}

/// A chunk: its times (fields 1 and 2), type (3) and data (4).
fn one_chunk(bytes: &[u8]) -> Result<Chunk<'_>, StreamError> {
    let foreign = |_| StreamError::Foreign;
    let mut reader = BytesReader::from_bytes(bytes);
    let (mut kind, mut chunk) = (0, Chunk { span: ALL, data: &[] });
    while !reader.is_eof() {
        match reader.next_tag(bytes).map_err(foreign)? {
            8 => chunk.span.0 = reader.read_int64(bytes).map_err(foreign)?,
            16 => chunk.span.1 = reader.read_int64(bytes).map_err(foreign)?,
            24 => kind = reader.read_int32(bytes).map_err(foreign)?,
            34 => chunk.data = reader.read_bytes(bytes).map_err(foreign)?,
            tag => reader.read_unknown(bytes, tag).map_err(foreign)?,
        }
    }
    if kind == XOR { Ok(chunk) } else { Err(StreamError::Kind(kind)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(name: &str) -> Option<Vec<u8>> {
        let path = format!("{}/../shared/data/api/{name}", env!("CARGO_MANIFEST_DIR"));
        let found = std::fs::read(&path).ok();
        if found.is_none() {
            println!("skipped: no {path}");
        }
        found
    }

    type Read = Vec<(String, Vec<(i64, f64)>)>;

    fn read(bytes: &[u8], size: usize) -> Result<Read, StreamError> {
        let (mut stream, mut got) = (Stream::default(), Read::new());
        for piece in bytes.chunks(size) {
            stream.feed(piece, |m| {
                message(m, |s| {
                    let uuid = String::from_utf8_lossy(s.label(b"UUID")).into_owned();
                    got.push((uuid, s.samples(ALL).collect()));
                })
            })?;
        }
        stream.finish().map(|()| got)
    }

    #[test]
    fn the_stream_of_a_real_engine_gives_what_its_json_says() {
        let (Some(bytes), Some(json)) =
            (sample("remote_read_chunks.response.bin"), sample("prom_range_2series.body"))
        else {
            return;
        };
        let got = read(&bytes, 100).expect("a stream");
        assert_eq!((got.len(), read(&bytes, 1).as_ref()), (8, Ok(&got)));
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let mut compared = 0;
        for series in json["data"]["result"].as_array().expect("series") {
            let uuid = series["metric"]["UUID"].as_str().expect("a UUID");
            let Some((_, samples)) = got.iter().find(|(u, _)| u == uuid) else { continue };
            for pair in series["values"].as_array().expect("values") {
                let time = pair[0].as_i64().expect("a time") * 1000;
                let value: f64 = pair[1].as_str().and_then(|v| v.parse().ok()).expect("a value");
                assert!(samples.contains(&(time, value)), "{uuid} {time} {value} in {samples:?}");
                compared += 1;
            }
        }
        assert!(compared >= 9, "{compared}");
        assert_eq!(read(&bytes[..bytes.len() - 1], 64), Err(StreamError::Cut));
    }

    fn frame(message: &[u8]) -> Vec<u8> {
        let length = u8::try_from(message.len()).expect("short");
        [&[length][..], &crc32c::crc32c(message).to_be_bytes(), message].concat()
    }

    #[test]
    fn one_wrong_bit_is_found_before_anything_of_the_message_is_read() {
        let message = [10, 8, 10, 6, 10, 1, b'a', 18, 1, b'b'];
        let stream = [frame(&message), frame(&message)].concat();
        let taken = |bytes: &[u8]| {
            let mut count = 0;
            let outcome = Stream::default().feed(bytes, |m| {
                assert_eq!(m, message);
                count += 1;
                Ok(())
            });
            (outcome, count)
        };
        assert_eq!(taken(&stream), (Ok(()), 2));
        // Behind the length of the second frame: its checksum, and its message.
        for at in frame(&message).len() + 1..stream.len() {
            for bit in 0..8 {
                let mut damaged = stream.clone();
                damaged[at] ^= 1 << bit;
                assert_eq!(taken(&damaged), (Err(StreamError::Damaged), 1), "byte {at}, bit {bit}");
            }
        }
        assert!(StreamError::Damaged.to_string().contains("checksum"));
        // The value that every implementation gives for these nine bytes.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_request_is_the_one_that_a_real_engine_answered() {
        let Some(recorded) = sample("remote_read_chunks.request.bin") else { return };
        let matcher = |name: &str, value: &str| Matcher {
            name: name.into(),
            compare: Compare::Equal,
            value: value.into(),
        };
        let matchers = [matcher("__name__", "DCGM_FI_DEV_GPU_UTIL"), matcher("Hostname", "kvd-h01-r000-n00")];
        let mine = request((1_795_427_325_000, 1_795_427_625_000), &matchers);
        let plain = snap::raw::Decoder::new().decompress_vec(&mine).expect("snappy");
        // It was recorded before it was compressed, and its accepted types are packed.
        let (same, accepted) = recorded.split_at(recorded.len() - 3);
        assert_eq!((&plain[..plain.len() - 2], accepted), (same, &[18, 1, 1][..]));
        assert_eq!(plain[plain.len() - 2..], [16, 1], "one that is not packed means the same");
    }

    #[test]
    fn matchers_are_split_as_they_stand() {
        let got = matchers("cluster=\"kvd\", hall=~'h1|h2',x!=\"a\\\"b\",y!~\"\"").expect("matchers");
        let plain: Vec<_> = got.iter().map(|m| (m.name.as_str(), m.compare, m.value.as_str())).collect();
        assert_eq!(
            plain,
            [
                ("cluster", Compare::Equal, "kvd"),
                ("hall", Compare::Match, "h1|h2"),
                ("x", Compare::NotEqual, "a\"b"),
                ("y", Compare::NoMatch, "")
            ]
        );
        assert_eq!(matchers(""), Some(Vec::new()));
        for wrong in ["a", "a=b", "a=\"b", "a>\"b\"", "a=\"\\d\""] {
            assert_eq!(matchers(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn chunks_of_another_time_are_not_unpacked() {
        // One sample: 2.0 at 100 ms; its chunk says of itself that it is of 50 to 120 ms, or nothing.
        let data = [0, 1, 0xc8, 1, 0x40, 0, 0, 0, 0, 0, 0, 0];
        let chunk = |times: &[u8]| [times, &[24, 1, 34, 12], &data].concat();
        let series = |chunk: &[u8]| {
            let own = u8::try_from(chunk.len()).expect("short");
            [&[10, own + 2, 18, own], chunk].concat()
        };
        let count = |times: &[u8], span| {
            let mut out = 0;
            message(&series(&chunk(times)), |s| out += s.samples(span).count()).expect("a message");
            out
        };
        let told = [8, 50, 16, 120];
        assert_eq!([(0, 200), (100, 100), (0, 99), (101, 200)].map(|s| count(&told, s)), [1, 1, 0, 0]);
        assert_eq!(count(&[], (0, 200)), 1, "times that are not told");
        // What it says counts, so that nothing of it is looked at.
        assert_eq!(count(&[8, 10, 16, 20], (50, 200)), 0);
        let mut last = chunk(&told);
        last.truncate(last.len() - 1);
        assert_eq!(message(&series(&last), |_| {}), Err(StreamError::Foreign));
    }

    #[test]
    fn other_chunks_and_large_frames_are_refused() {
        // A series with one chunk of type 2.
        assert_eq!(message(&[10, 4, 18, 2, 24, 2], |_| {}), Err(StreamError::Kind(2)));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x7f], 9), Err(StreamError::Frame));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), size in 1..60_usize) {
            let _ = read(&bytes, size);
            let framed = frame(&bytes[..bytes.len().min(127)]);
            let _ = read(&framed, size);
            let _ = message(&bytes, |s| assert!(s.samples(ALL).count() <= 300 * 65_535));
        }
    }
}
