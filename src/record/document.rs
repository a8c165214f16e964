//! Documents in recordings: JSON in one zstd frame. What is read is hostile until it is parsed.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zstd::zstd_safe::get_frame_content_size;

use crate::model::text;

/// zstd level of documents: they are small beside frames.
const LEVEL: i32 = 3;
/// Longest document once decoded, bytes. The tree of the default site takes 1.5 MB.
pub const MOST: usize = 256 << 20;

/// The bytes of a document.
#[must_use]
pub fn pack(value: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are not text cannot be written as JSON: there are none.
    let text = serde_json::to_vec(value).unwrap_or_default();
    zstd::bulk::compress(&text, LEVEL).unwrap_or_default()
}

/// The value of a document; `None` when it is damaged, longer than [`MOST`], or of another shape.
#[must_use]
pub fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let text = inflate(bytes, MOST)?;
    if is_plain(&text) {
        return serde_json::from_slice(&text).ok();
    }
    let mut value: Value = serde_json::from_slice(&text).ok()?;
    clean(&mut value);
    serde_json::from_value(value).ok()
}

/// True when no string of the JSON text can hold a control character: none is escaped, and none
/// stands there as it is.
fn is_plain(text: &[u8]) -> bool {
    let escape = |p: &[u8]| p[0] == b'\\' && !matches!(p[1], b'"' | b'\\' | b'/');
    // The first two bytes of C1 controls and of all that `text::is_safe` refuses beside them.
    let control = |p: &[u8]| match p[0] {
        0xC2 => p[1] < 0xA0,
        0xE2 => p[1] <= 0x81,
        0xEF => matches!(p[1], 0xBB | 0xBF),
        0xF3 => p[1] == 0xA0,
        _ => false,
    };
    !text.windows(2).any(|p| escape(p) || control(p)) && !text.contains(&0x7F)
}

fn safe(s: &str) -> String {
    s.chars().filter(|c| text::is_safe(*c)).collect()
}

/// Strips every string of control characters.
fn clean(value: &mut Value) {
    match value {
        Value::String(s) => *s = safe(s),
        Value::Array(list) => list.iter_mut().for_each(clean),
        Value::Object(map) => {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(k, mut v)| {
                    clean(&mut v);
                    (safe(&k), v)
                })
                .collect();
        }
        _ => {}
    }
}

/// The content of a zstd frame of at most `most` bytes, which states its length.
#[must_use]
pub fn inflate(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let stated = get_frame_content_size(bytes).ok()??;
    let len = usize::try_from(stated).ok().filter(|len| *len <= most)?;
    zstd::bulk::decompress(bytes, len).ok().filter(|out| out.len() == len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn documents_come_back() {
        let packed = pack(&vec!["a", "b"]);
        assert_eq!(unpack::<Vec<String>>(&packed), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(unpack::<u32>(&packed), None, "of another shape");
    }

    #[test]
    fn a_document_longer_than_allowed_is_not_unpacked() {
        let packed = zstd::bulk::compress(&[0; 1000], 1).expect("compresses");
        assert_eq!(inflate(&packed, 999), None);
        assert_eq!(inflate(&packed, 1000).map(|v| v.len()), Some(1000));
    }

    #[test]
    fn no_control_character_comes_through() {
        let hostile = ["a\u{1b}[2Jb", "c\nd", "e\u{9b}f", "g\u{7f}", "h\u{202e}i", "\\u001b as text"];
        let read: Vec<String> = unpack(&pack(&hostile)).expect("JSON");
        assert!(read.iter().all(|s| !s.chars().any(char::is_control)), "{read:?}");
        assert_eq!(read[5], hostile[5], "a backslash is not a control character");
        let plain = ["5 °C, 3 µs \"quoted\""];
        assert!(is_plain(&serde_json::to_vec(&plain).expect("JSON")), "the usual way is the short one");
        assert_eq!(unpack::<Vec<String>>(&pack(&plain)).expect("JSON"), plain);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..64) {
            let _ = unpack::<serde_json::Value>(&bytes);
            let packed = pack(&vec![1u32; 50]);
            prop_assert_eq!(unpack::<Vec<u32>>(&packed[..cut.min(packed.len() - 1)]), None);
        }
    }
}
