//! Requests of remote write as senders make them, for tests.

use quick_protobuf::Writer;

use super::wire::Protocol;

/// Labels and values (time in ms, value) of a series.
pub type Given<'a> = (Vec<(&'a str, &'a str)>, Vec<(i64, f64)>);

/// The message of `series`.
pub fn message(protocol: Protocol, series: &[Given<'_>]) -> Vec<u8> {
    match protocol {
        Protocol::V1 => message_v1(series),
        Protocol::V2 => message_v2(series),
    }
}

/// The message of `series`, compressed as it is sent.
pub fn body(protocol: Protocol, series: &[Given<'_>]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message(protocol, series)).expect("small enough")
}

/// The bytes of the fields that `write` makes.
pub fn fields(write: impl FnOnce(&mut Writer<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

/// One field of bytes.
pub fn put_bytes(w: &mut Writer<&mut Vec<u8>>, number: u32, bytes: &[u8]) {
    w.write_with_tag(number << 3 | 2, |w| w.write_bytes(bytes)).expect("memory");
}

fn sample(time: i64, value: f64) -> Vec<u8> {
    fields(|w| {
        w.write_with_tag(1 << 3 | 1, |w| w.write_double(value)).expect("memory");
        w.write_with_tag(2 << 3, |w| w.write_int64(time)).expect("memory");
    })
}

fn message_v1(series: &[Given<'_>]) -> Vec<u8> {
    fields(|w| {
        for (labels, points) in series {
            let one = fields(|w| {
                for (name, value) in labels {
                    let label = fields(|w| {
                        put_bytes(w, 1, name.as_bytes());
                        put_bytes(w, 2, value.as_bytes());
                    });
                    put_bytes(w, 1, &label);
                }
                points.iter().for_each(|(time, value)| put_bytes(w, 2, &sample(*time, *value)));
            });
            put_bytes(w, 1, &one);
        }
    })
}

fn message_v2(series: &[Given<'_>]) -> Vec<u8> {
    let mut symbols = vec![""];
    let mut reference = |text| {
        let found = symbols.iter().position(|s| *s == text);
        found.unwrap_or_else(|| {
            symbols.push(text);
            symbols.len() - 1
        }) as u32
    };
    let mut written = Vec::new();
    for (labels, points) in series {
        let references: Vec<u32> = labels.iter().flat_map(|(n, v)| [reference(*n), reference(*v)]).collect();
        written.push(fields(|w| {
            let packed = fields(|w| references.iter().for_each(|r| w.write_uint32(*r).expect("memory")));
            put_bytes(w, 1, &packed);
            points.iter().for_each(|(time, value)| put_bytes(w, 2, &sample(*time, *value)));
        }));
    }
    fields(|w| {
        symbols.iter().for_each(|s| put_bytes(w, 4, s.as_bytes()));
        written.iter().for_each(|s| put_bytes(w, 5, s));
    })
}
