//! The two messages of remote write, read in place: `prometheus.WriteRequest` (protocol 1.0) and
//! `io.prometheus.write.v2.Request` (2.0). Nothing of a request is copied; a series is handed over
//! as soon as it is read, so a request costs no memory beside its own bytes.

use quick_protobuf::BytesReader;

use crate::source::scrape::exposition::Label;

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most series; a request with more is refused.
    pub series: usize,
    /// Most labels of a series; one with more is left out.
    pub labels: usize,
    /// Longest label, name and value together, bytes; a series with a longer one is left out.
    pub label_bytes: usize,
    /// Most symbols of a 2.0 request; a request with more is refused.
    pub symbols: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { series: 100_000, labels: 64, label_bytes: 4096, symbols: 500_000 }
    }
}

/// Which message a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was measured, ms since the epoch.
    pub time: i64,
    /// The value; a stale marker is one certain NaN.
    pub value: f64,
}

/// The NaN that says that a series has ended.
pub const STALE: u64 = 0x7ff0_0000_0000_0002;

impl Point {
    /// True when this says that the series has ended.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.value.to_bits() == STALE
    }
}

/// What a request held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Series, whether wanted or not.
    pub series: u64,
    /// Samples of all of them.
    pub samples: u64,
    /// Native histograms, which are not looked at.
    pub histograms: u64,
    /// Exemplars, which are not looked at.
    pub exemplars: u64,
    /// Series that were left out because of their labels: too many, too long, or a bad reference.
    pub unfit: u64,
}

/// Why a request is refused. The sender must not send it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not the announced message.
    #[error("not a protobuf message of remote write: {0}")]
    Malformed(String),
    /// Too much in one request.
    #[error("more than {1} {0} in one request")]
    TooMany(&'static str, usize),
}

impl From<quick_protobuf::Error> for WireError {
    fn from(error: quick_protobuf::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

/// One field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

/// The fields of one message, one after the other.
struct Fields<'a> {
    reader: BytesReader,
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { reader: BytesReader::from_bytes(bytes), bytes }
    }

    /// Number and value of the next field.
    fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, WireError> {
        while !self.reader.is_eof() {
            let tag = self.reader.next_tag(self.bytes)?;
            let value = match tag & 7 {
                0 => Field::Varint(self.reader.read_varint64(self.bytes)?),
                1 => Field::Fixed(self.reader.read_fixed64(self.bytes)?),
                2 => Field::Bytes(self.reader.read_bytes(self.bytes)?),
                5 => {
                    self.reader.read_fixed32(self.bytes)?;
                    continue;
                }
                other => return Err(WireError::Malformed(format!("wire type {other}"))),
            };
            return Ok(Some((tag >> 3, value)));
        }
        Ok(None)
    }
}

/// Reads `body`, handing the labels and the values of each series to `sink`.
///
/// # Errors
/// Not such a message, or too much in it. What was handed over before stays.
pub fn read<'a>(
    protocol: Protocol,
    body: &'a [u8],
    bounds: &Bounds,
    sink: &mut impl FnMut(&[Label<'a>], &[Point]),
) -> Result<Content, WireError> {
    let mut sheet = Sheet { bounds, symbols: Vec::new(), labels: Vec::new(), points: Vec::new() };
    let series = match protocol {
        Protocol::V1 => 1,
        Protocol::V2 => {
            sheet.read_symbols(body)?;
            5
        }
    };
    let mut content = Content::default();
    let mut fields = Fields::new(body);
    while let Some((number, field)) = fields.next()? {
        let Field::Bytes(bytes) = field else { continue };
        if number != series {
            continue;
        }
        if content.series as usize == bounds.series {
            return Err(WireError::TooMany("series", bounds.series));
        }
        content.series += 1;
        let fit = match protocol {
            Protocol::V1 => sheet.series_v1(bytes, &mut content)?,
            Protocol::V2 => sheet.series_v2(bytes, &mut content)?,
        };
        content.samples += sheet.points.len() as u64;
        if fit {
            sink(&sheet.labels, &sheet.points);
        } else {
            content.unfit += 1;
        }
    }
    Ok(content)
}

/// What is read of the present series; its memory serves all of them.
struct Sheet<'a, 'b> {
    bounds: &'b Bounds,
    symbols: Vec<&'a [u8]>,
    labels: Vec<Label<'a>>,
    points: Vec<Point>,
}

impl<'a> Sheet<'a, '_> {
    /// The table of a 2.0 request; protobuf lets it stand behind the series that refer to it.
    fn read_symbols(&mut self, body: &'a [u8]) -> Result<(), WireError> {
        let mut fields = Fields::new(body);
        while let Some((number, field)) = fields.next()? {
            let (4, Field::Bytes(symbol)) = (number, field) else { continue };
            if self.symbols.len() == self.bounds.symbols {
                return Err(WireError::TooMany("symbols", self.bounds.symbols));
            }
            self.symbols.push(symbol);
        }
        // The first symbol is the empty one, so that a reference that was left out means nothing.
        match self.symbols.first() {
            Some(first) if !first.is_empty() => {
                Err(WireError::Malformed("the first symbol is not empty".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// True when the series may be used: its labels are within the bounds.
    fn series_v1(&mut self, bytes: &'a [u8], content: &mut Content) -> Result<bool, WireError> {
        self.labels.clear();
        self.points.clear();
        let mut fit = true;
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            let Field::Bytes(bytes) = field else { continue };
            match number {
                1 => {
                    let label = label(bytes)?;
                    fit &= self.take_label(label);
                }
                2 => self.points.push(point(bytes)?),
                3 => content.exemplars += 1,
                4 => content.histograms += 1,
                _ => {}
            }
        }
        Ok(fit)
    }

    fn series_v2(&mut self, bytes: &'a [u8], content: &mut Content) -> Result<bool, WireError> {
        self.labels.clear();
        self.points.clear();
        let (mut fit, mut name) = (true, None);
        let mut fields = Fields::new(bytes);
        while let Some((number, field)) = fields.next()? {
            match (number, field) {
                (1, Field::Bytes(packed)) => {
                    let mut reader = BytesReader::from_bytes(packed);
                    while !reader.is_eof() {
                        fit &= self.take_reference(reader.read_varint64(packed)?, &mut name);
                    }
                }
                (1, Field::Varint(reference)) => fit &= self.take_reference(reference, &mut name),
                (2, Field::Bytes(bytes)) => self.points.push(point(bytes)?),
                (3, Field::Bytes(_)) => content.histograms += 1,
                (4, Field::Bytes(_)) => content.exemplars += 1,
                _ => {}
            }
        }
        Ok(fit && name.is_none())
    }

    /// References stand in pairs: a name, then its value.
    fn take_reference(&mut self, reference: u64, name: &mut Option<&'a [u8]>) -> bool {
        let symbol = usize::try_from(reference).ok().and_then(|i| self.symbols.get(i).copied());
        match (symbol, name.take()) {
            (None, _) => false,
            (symbol, None) => {
                *name = symbol;
                true
            }
            (Some(raw), Some(name)) => self.take_label(Label { name, raw }),
        }
    }

    fn take_label(&mut self, label: Label<'a>) -> bool {
        let fits = self.labels.len() < self.bounds.labels
            && label.name.len() + label.raw.len() <= self.bounds.label_bytes;
        if fits {
            self.labels.push(label);
        }
        fits
    }
}

fn label(bytes: &[u8]) -> Result<Label<'_>, WireError> {
    let mut label = Label { name: b"", raw: b"" };
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Bytes(name)) => label.name = name,
            (2, Field::Bytes(value)) => label.raw = value,
            _ => {}
        }
    }
    Ok(label)
}

fn point(bytes: &[u8]) -> Result<Point, WireError> {
    // What is zero is not written.
    let mut point = Point { time: 0, value: 0.0 };
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, Field::Fixed(bits)) => point.value = f64::from_bits(bits),
            (2, Field::Varint(time)) => point.time = time.cast_signed(),
            _ => {}
        }
    }
    Ok(point)
}

#[cfg(test)]
mod tests;
