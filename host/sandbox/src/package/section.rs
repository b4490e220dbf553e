//! Custom sections of a component: an id of 0, the length, the length of the name, the name, and then anything.

/// The magic number and the version.
const PREAMBLE_BYTES: usize = 8;
const CUSTOM: u8 = 0;

/// What stands in the first custom section of this name at the component's own level.
pub fn find<'w>(wasm: &'w [u8], name: &str) -> Option<&'w [u8]> {
    let mut rest = wasm.get(PREAMBLE_BYTES..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = length(after)?;
        let (body, next) = after.split_at_checked(length)?;
        if id == CUSTOM
            && let Some((found, content)) = named(body)
            && found == name.as_bytes()
        {
            return Some(content);
        }
        rest = next;
    }
    None
}

/// Adds a custom section at the end.
pub fn append(wasm: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut body = Vec::with_capacity(name.len() + content.len() + 5);
    put_length(&mut body, name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(content);
    wasm.push(CUSTOM);
    put_length(wasm, body.len());
    wasm.extend_from_slice(&body);
}

fn named(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, body) = length(body)?;
    body.split_at_checked(length)
}

/// An unsigned LEB128 number of 32 bits, and what follows it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[at + 1..]));
        }
    }
    None
}

fn put_length(to: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_that_was_added_is_found_among_others() {
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        append(&mut wasm, "other", &[7; 300]);
        append(&mut wasm, "mine", b"content");
        assert_eq!(find(&wasm, "mine"), Some(&b"content"[..]));
        assert_eq!(find(&wasm, "other").map(<[u8]>::len), Some(300));
        assert_eq!(find(&wasm, "none"), None);
    }

    #[test]
    fn what_is_cut_off_or_lies_about_its_length_has_no_section() {
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        append(&mut wasm, "mine", b"content");
        for cut in 0..wasm.len() {
            assert_eq!(find(&wasm[..cut], "mine"), None, "{cut}");
        }
        let lying = b"\0asm\x0d\0\x01\0\0\xff\xff\xff\xff\x7f";
        assert_eq!(find(lying, "mine"), None);
    }
}
