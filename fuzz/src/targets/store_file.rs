//! A store's file with some of its bytes changed: four bytes of place, one of length, and
//! so many bytes; the length 255 cuts the file off there.

use std::fs;

use super::store;

pub(crate) fn run(input: &[u8]) {
    let mut file = store::file().to_vec();
    let mut rest = input;
    while let Some((change, after)) = rest.split_first_chunk::<5>() {
        let [a, b, c, d, length] = *change;
        let place = u32::from_le_bytes([a, b, c, d]);
        let at = usize::try_from(place).unwrap_or_default() % file.len().max(1);
        if length == u8::MAX {
            file.truncate(at);
            rest = after;
            continue;
        }
        let bytes = after.get(..usize::from(length)).unwrap_or(after);
        for (to, from) in file.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
        rest = after.get(bytes.len()..).unwrap_or_default();
    }
    let (_folder, path) = store::place();
    fs::write(&path, &file).expect("a file can be written");
    store::use_up(&path);
}
