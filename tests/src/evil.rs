//! Ways for a server to misbehave, for [`FarSide::misbehaving`](crate::FarSide::misbehaving). Each has read a request.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

const GIGABYTE: usize = 1_000_000_000;
static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];

/// Says nothing until the other side gives up.
pub fn never_answers(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(stream, &mut io::sink()).map(drop)
}

/// Announces a gigabyte and begins to send it.
pub fn sends_a_gigabyte(stream: &mut TcpStream) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {GIGABYTE}\r\n\r\n"
    )?;
    (0..GIGABYTE / PIECE.len()).try_for_each(|_| stream.write_all(&PIECE))
}

/// Sends a gigabyte without saying how much is to come.
pub fn sends_a_gigabyte_in_chunks(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    for _ in 0..GIGABYTE / PIECE.len() {
        write!(stream, "{:x}\r\n", PIECE.len())?;
        stream.write_all(&PIECE)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// Sends one byte of the body, and another before any reader loses patience, and so on.
pub fn drips(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1000000\r\n\r\n",
    )?;
    loop {
        stream.write_all(b".")?;
        // The pace is the attack; nothing is waited for.
        sleep(Duration::from_millis(50));
    }
}

/// Announces ten bytes, sends five and closes.
pub fn closes_half_way(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhello",
    )
}

/// Closes without a word.
pub fn closes_at_once(_: &mut TcpStream) -> io::Result<()> {
    Ok(())
}

/// Answers in another protocol.
pub fn talks_nonsense(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"\x16\x03\x01 220 ready for SMTP\r\n\r\n")
}

/// Sends header lines without end.
pub fn sends_headers_without_end(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
    for number in 0..GIGABYTE / 1024 {
        write!(stream, "x-{number}: {}\r\n", "y".repeat(1000))?;
    }
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// Says it is JSON and sends half of it.
pub fn sends_half_json(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"half\":",
    )
}
