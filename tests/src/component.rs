//! Components made worse: core modules, written here byte by byte, that are started together with a good guest.

/// The good guest's bytes, with a core module that is instantiated beside it.
///
/// A component is a list of sections, so one more module and one more instance can be put at the end.
pub fn with_core_module(component: &[u8], module: &[u8]) -> Vec<u8> {
    let index = core_modules(component);
    let mut bytes = component.to_vec();
    section(&mut bytes, CORE_MODULE, module);
    // One instance, by instantiating module `index` with no arguments.
    let mut instance = vec![1, 0];
    number(&mut instance, index);
    instance.push(0);
    section(&mut bytes, CORE_INSTANCE, &instance);
    bytes
}

/// A core module whose memory starts out with this many pages of 64 KiB.
pub fn module_with_memory(pages: usize) -> Vec<u8> {
    let mut bytes = PREAMBLE.to_vec();
    let mut memory = vec![1, 0];
    number(&mut memory, pages);
    section(&mut bytes, 5, &memory);
    bytes
}

/// A core module whose table grows at the start, by 1,000 elements at a time, until the host says no; then it traps.
pub fn module_that_grows_a_table() -> Vec<u8> {
    let mut bytes = PREAMBLE.to_vec();
    section(&mut bytes, 1, &[1, 0x60, 0, 0]);
    section(&mut bytes, 3, &[1, 0]);
    section(&mut bytes, 4, &[1, FUNCREF, 0, 0]);
    section(&mut bytes, 8, &[0]);
    let loops = [
        0x03, 0x40, // loop
        0xd0, FUNCREF, 0x41, 0xe8, 0x07, 0xfc, 0x0f, 0x00, // table.grow by 1,000 nulls
        0x41, 0x7f, 0x47, 0x0d, 0x00, // again, unless it gave -1
        0x0b, 0x00, 0x0b, // end, unreachable, end
    ];
    let mut code = vec![1];
    number(&mut code, loops.len() + 1);
    code.push(0);
    code.extend(loops);
    section(&mut bytes, 10, &code);
    bytes
}

const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const FUNCREF: u8 = 0x70;

/// How many core modules the component has at its top level.
fn core_modules(component: &[u8]) -> usize {
    let mut rest = &component[PREAMBLE.len()..];
    let mut count = 0;
    while let Some((id, after)) = rest.split_first() {
        count += usize::from(*id == CORE_MODULE);
        let (size, content) = read_number(after);
        rest = &content[size..];
    }
    count
}

fn section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    number(bytes, content.len());
    bytes.extend(content);
}

/// LEB128, as everywhere in WebAssembly.
fn number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_number(bytes: &[u8]) -> (usize, &[u8]) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, &bytes[index + 1..]);
        }
    }
    panic!("the component breaks off within a number");
}
