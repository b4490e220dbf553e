//! The other system: an HTTP server on 127.0.0.1 that remembers every request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::content::{self, Headers};

/// A running server. Its threads end with the test.
#[derive(Debug)]
pub struct FarSide {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Received {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What it says beside the body.
    pub headers: Headers,
    /// The body, without any chunking.
    pub body: Vec<u8>,
}

/// What a well-behaved server answers.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Holds up whoever waits at it until it is opened.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl FarSide {
    /// Answers each request with what `answer` says.
    pub fn answering(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> FarSide {
        FarSide::start(move |stream, request| write_answer(stream, request, &answer(request)))
    }

    /// The same where the test has bound it.
    pub fn answering_at(
        listener: TcpListener,
        answer: impl Fn(&Received) -> Answer + Send + Sync + 'static,
    ) -> FarSide {
        let serve = move |stream: &mut TcpStream, request: &Received| {
            write_answer(stream, request, &answer(request))
        };
        FarSide::start_at(listener, serve)
    }

    /// Answers every request with 200 and this JSON.
    pub fn saying(json: Value) -> FarSide {
        FarSide::answering(move |_| Answer::json(&json))
    }

    /// Answers every request with 200 and `{}` once the gate is open.
    pub fn behind(gate: &Gate) -> FarSide {
        let gate = gate.clone();
        FarSide::answering(move |_| {
            gate.pass();
            Answer::json(&serde_json::json!({}))
        })
    }

    /// Gives the connection away once a request has been read; see [`crate::evil`]. Closes it when `behave` returns.
    pub fn misbehaving(
        behave: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> FarSide {
        FarSide::start(closing(behave))
    }

    /// The same where the test has bound it.
    pub fn at(
        listener: TcpListener,
        behave: impl Fn(&mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> FarSide {
        FarSide::start_at(listener, closing(behave))
    }

    fn start(
        serve: impl Fn(&mut TcpStream, &Received) -> io::Result<()> + Send + Sync + 'static,
    ) -> FarSide {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        FarSide::start_at(listener, serve)
    }

    fn start_at(
        listener: TcpListener,
        serve: impl Fn(&mut TcpStream, &Received) -> io::Result<()> + Send + Sync + 'static,
    ) -> FarSide {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let seen = Arc::new(Seen::default());
        let (serve, for_threads) = (Arc::new(serve), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&for_threads));
                seen.connections.fetch_add(1, Ordering::Relaxed);
                // The connection ends with the first error, which is how the other side closing it shows.
                thread::spawn(move || connection(stream, &seen, &*serve));
            }
        });
        FarSide { address, seen }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of a path on it.
    pub fn url(&self, path: &str) -> String {
        self.origin() + path
    }

    /// A `fonio.toml` that grants it.
    pub fn granted(&self) -> String {
        format!("[network]\nallow = [\"{}\"]\n", self.origin())
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        self.seen
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The only request.
    #[track_caller]
    pub fn only(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "{received:#?}");
        received.remove(0)
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }
}

impl Received {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        content::text(&self.body)
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        content::json(&self.body)
    }
}

impl Answer {
    /// 200 with JSON.
    pub fn json(body: &Value) -> Answer {
        Answer::new("application/json", body.to_string())
    }

    /// 200 with a body of a stated type.
    pub fn new(content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status: 200,
            headers: vec![],
            body: body.into(),
        }
        .header("content-type", content_type)
    }

    /// 200 with nothing.
    pub fn empty() -> Answer {
        Answer {
            status: 200,
            headers: vec![],
            body: vec![],
        }
    }

    /// With another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Answer {
        self.status = status;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl Gate {
    /// Waits until it is open.
    pub fn pass(&self) {
        let (open, changed) = &*self.0;
        let guard = open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(
            changed
                .wait_while(guard, |open| !*open)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// Opens it for good.
    pub fn open(&self) {
        let (open, changed) = &*self.0;
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}

/// Behaves so, and closes.
fn closing(
    behave: impl Fn(&mut TcpStream) -> io::Result<()>,
) -> impl Fn(&mut TcpStream, &Received) -> io::Result<()> {
    move |stream, _| {
        behave(stream)?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

fn connection(
    mut stream: TcpStream,
    seen: &Seen,
    serve: &dyn Fn(&mut TcpStream, &Received) -> io::Result<()>,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let request = read_request(&mut reader)?;
        seen.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request.clone());
        serve(&mut stream, &request)?;
        if request.header("connection") == Some("close") {
            return Ok(());
        }
    }
}

fn write_answer(stream: &mut TcpStream, request: &Received, answer: &Answer) -> io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {} .\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut bytes = (head + "\r\n").into_bytes();
    if request.method != "HEAD" {
        bytes.extend(&answer.body);
    }
    stream.write_all(&bytes)
}

fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Received> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let mut word = || words.next().unwrap_or_default().to_owned();
    let (method, target) = (word(), word());
    let mut headers = Headers::default();
    while headers.read(&read_line(reader)?) {}
    let mut request = Received {
        method,
        target,
        headers,
        body: vec![],
    };
    request.body = match (
        request.header("transfer-encoding"),
        request.header("content-length"),
    ) {
        (Some("chunked"), _) => read_chunks(reader)?,
        (_, Some(length)) => read_exactly(reader, length.parse().map_err(io::Error::other)?)?,
        (_, None) => vec![],
    };
    Ok(request)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&read_line(reader)?, 16).map_err(io::Error::other)?;
        body.extend(read_exactly(reader, size)?);
        read_line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(reader: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A line without its end; an error at the end of the stream.
fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
