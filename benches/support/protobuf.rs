//! Messages of Protobuf, as senders and engines write them.

use quick_protobuf::Writer;

/// What `write` writes.
pub fn fields(write: impl FnOnce(&mut Writer<&mut Vec<u8>>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

/// Writes field `number`, which is made of bytes.
pub fn put(w: &mut Writer<&mut Vec<u8>>, number: u32, bytes: &[u8]) {
    w.write_with_tag(number << 3 | 2, |w| w.write_bytes(bytes)).expect("memory");
}
