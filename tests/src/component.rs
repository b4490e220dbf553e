//! Components made worse: core modules, written here byte by byte, that are started together with a good guest.

/// The good guest's bytes, with a core module that is instantiated beside it.
///
/// A component is a list of sections, so one more module and one more instance can be put at the end.
pub fn with_core_module(component: &[u8], module: &[u8]) -> Vec<u8> {
    with_core_instances(component, module, 1)
}

/// The same with this many instances of the module.
pub fn with_core_instances(component: &[u8], module: &[u8], count: usize) -> Vec<u8> {
    let index = core_modules(component);
    let mut bytes = component.to_vec();
    section(&mut bytes, CORE_MODULE, module);
    let mut instances = Vec::new();
    number(&mut instances, count);
    for _ in 0..count {
        // By instantiating module `index` with no arguments.
        instances.push(0);
        number(&mut instances, index);
        instances.push(0);
    }
    section(&mut bytes, CORE_INSTANCE, &instances);
    bytes
}

/// The component with every `from` in it replaced by `to`, which is as long: another name or version of an interface.
pub fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths stand before the names");
    let mut bytes = component.to_vec();
    let mut found = false;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found = true;
        }
    }
    assert!(found, "{from} is in it");
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

/// A core module whose start function computes for ever.
pub fn module_that_loops_at_the_start() -> Vec<u8> {
    // loop, br 0, end
    module_of_functions(1, &[0x03, 0x40, 0x0c, 0x00, 0x0b], Some(0))
}

/// A core module of this many functions, each of which adds up a little.
pub fn module_of_many_functions(count: usize) -> Vec<u8> {
    module_of_functions(count, &ADDITION.repeat(20), None)
}

/// A core module with one function of this many additions.
pub fn module_of_one_long_function(additions: usize) -> Vec<u8> {
    module_of_functions(1, &ADDITION.repeat(additions), None)
}

/// A core module with one jump of this many ways.
pub fn module_with_a_long_jump_table(ways: usize) -> Vec<u8> {
    let mut jump = vec![0x02, 0x40, 0x41, 0x00, 0x0e]; // block, i32.const 0, br_table
    number(&mut jump, ways);
    jump.extend(vec![0; ways + 1]);
    jump.push(0x0b);
    module_of_functions(1, &jump, None)
}

/// `local 0 = local 0 * 3 + load(local 0)`, with a local and a memory of the module's own.
const ADDITION: &[u8] = &[0x20, 0, 0x41, 3, 0x6c, 0x20, 0, 0x28, 2, 0, 0x6a, 0x21, 0];

/// A core module with `count` functions of no parameters, which have one number as their local, all the same.
fn module_of_functions(count: usize, code: &[u8], start: Option<u8>) -> Vec<u8> {
    let mut bytes = PREAMBLE.to_vec();
    section(&mut bytes, 1, &[1, 0x60, 0, 0]);
    let mut types = Vec::new();
    number(&mut types, count);
    types.extend(vec![0; count]);
    section(&mut bytes, 3, &types);
    section(&mut bytes, 5, &[1, 0, 1]);
    if let Some(start) = start {
        section(&mut bytes, 8, &[start]);
    }
    let mut body = vec![1, 1, 0x7f]; // one local of type i32
    body.extend(code);
    body.push(0x0b);
    let mut bodies = Vec::new();
    number(&mut bodies, count);
    for _ in 0..count {
        number(&mut bodies, body.len());
        bodies.extend(&body);
    }
    section(&mut bytes, 10, &bodies);
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
