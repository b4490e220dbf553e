//! Text, base64, hexadecimal and compressed data, to and from bytes.

use std::io::Read;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::Compression;
use flate2::read::{
    DeflateDecoder, DeflateEncoder, GzEncoder, MultiGzDecoder, ZlibDecoder, ZlibEncoder,
};
use rquickjs::{Ctx, Function, Object, Result, TypedArray};

type Bytes<'js> = TypedArray<'js, u8>;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose =
    GeneralPurpose::new(&URL_SAFE, LENIENT.with_encode_padding(false));

pub(super) fn install<'js>(ctx: &Ctx<'js>, module: &Object<'js>) -> Result<()> {
    let define = |name: &str, function: Result<Function<'js>>| module.set(name, function?);
    define("utf8Encode", Function::new(ctx.clone(), utf8_encode))?;
    define("utf8Decode", Function::new(ctx.clone(), utf8_decode))?;
    define("latin1Encode", Function::new(ctx.clone(), latin1_encode))?;
    define("latin1Decode", Function::new(ctx.clone(), latin1_decode))?;
    define("base64Encode", Function::new(ctx.clone(), base64_encode))?;
    define("base64Decode", Function::new(ctx.clone(), base64_decode))?;
    define("hexEncode", Function::new(ctx.clone(), hex_encode))?;
    define("hexDecode", Function::new(ctx.clone(), hex_decode))?;
    define("inflate", Function::new(ctx.clone(), inflate))?;
    define("deflate", Function::new(ctx.clone(), deflate))
}

/// The bytes of a view; a view whose buffer was taken away has none.
pub(super) fn slice<'a>(bytes: &'a Bytes<'_>) -> &'a [u8] {
    // SAFETY: no JavaScript, which could change or detach the buffer, runs before the functions here have copied what
    // they make of it.
    unsafe { bytes.as_bytes() }.unwrap_or_default()
}

fn utf8_encode(ctx: Ctx<'_>, text: String) -> Result<Bytes<'_>> {
    TypedArray::new(ctx, text.into_bytes())
}

/// `utf8Decode(bytes, fatal)`: undefined if `fatal` and not UTF-8. A byte order mark stays.
fn utf8_decode(bytes: Bytes<'_>, fatal: bool) -> Option<String> {
    match std::str::from_utf8(slice(&bytes)) {
        Ok(text) => Some(text.to_owned()),
        Err(_) if fatal => None,
        Err(_) => Some(String::from_utf8_lossy(slice(&bytes)).into_owned()),
    }
}

/// The lower eight bits of each UTF-16 unit, as Node's `latin1` has it.
fn latin1_encode(ctx: Ctx<'_>, text: String) -> Result<Bytes<'_>> {
    let bytes: Vec<u8> = text.encode_utf16().map(|unit| unit as u8).collect();
    TypedArray::new(ctx, bytes)
}

fn latin1_decode(bytes: Bytes<'_>) -> String {
    slice(&bytes).iter().copied().map(char::from).collect()
}

/// `base64Encode(bytes, url)`: the alphabet of URLs has no padding.
fn base64_encode(bytes: Bytes<'_>, url: bool) -> String {
    let engine = if url { BASE64_URL } else { BASE64 };
    engine.encode(slice(&bytes))
}

/// Takes what Node takes: both alphabets, with or without padding, other characters passed over, up to the first `=`.
fn base64_decode(ctx: Ctx<'_>, text: String) -> Result<Bytes<'_>> {
    let mut digits: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Some(byte),
            _ => None,
        })
        .collect();
    // One digit alone is six bits: not a byte.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    TypedArray::new(ctx, BASE64.decode(digits).unwrap_or_default())
}

fn hex_encode(bytes: Bytes<'_>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    slice(&bytes)
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Up to the first pair that is not hexadecimal, as Node has it.
fn hex_decode(ctx: Ctx<'_>, text: String) -> Result<Bytes<'_>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes: Vec<u8> = text
        .as_bytes()
        .chunks_exact(2)
        .map_while(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
        .collect();
    TypedArray::new(ctx, bytes)
}

/// `inflate(format, bytes)`: `gzip`, `zlib` or `raw`; undefined if the bytes are not of that format. What it makes
/// grows in the guest's own memory, whose limit ends a bomb.
fn inflate<'js>(ctx: Ctx<'js>, format: String, bytes: Bytes<'js>) -> Result<Option<Bytes<'js>>> {
    let bytes = slice(&bytes);
    let mut plain = Vec::new();
    let read = match format.as_str() {
        "gzip" => MultiGzDecoder::new(bytes).read_to_end(&mut plain),
        "zlib" => ZlibDecoder::new(bytes).read_to_end(&mut plain),
        _ => DeflateDecoder::new(bytes).read_to_end(&mut plain),
    };
    read.ok().map(|_| TypedArray::new(ctx, plain)).transpose()
}

/// `deflate(format, bytes)`: `gzip`, `zlib` or `raw`.
fn deflate<'js>(ctx: Ctx<'js>, format: String, bytes: Bytes<'js>) -> Result<Option<Bytes<'js>>> {
    let bytes = slice(&bytes);
    let level = Compression::default();
    let mut packed = Vec::new();
    let read = match format.as_str() {
        "gzip" => GzEncoder::new(bytes, level).read_to_end(&mut packed),
        "zlib" => ZlibEncoder::new(bytes, level).read_to_end(&mut packed),
        _ => DeflateEncoder::new(bytes, level).read_to_end(&mut packed),
    };
    read.ok().map(|_| TypedArray::new(ctx, packed)).transpose()
}
