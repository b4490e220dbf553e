//! The system at the far side of the demo: a small HTTP server that keeps what arrives and answers as a record store
//! would.

use crate::wire::{self, Message};
use anyhow::Context;
use serde_json::json;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, thread};

/// A keep-alive connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);

/// A request that arrived.
#[derive(Clone)]
pub struct Arrival {
    pub method: String,
    pub path: String,
    pub body: String,
}

/// The server. It lives as long as the process.
pub struct FarSide {
    pub address: SocketAddr,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl FarSide {
    pub fn start(address: SocketAddr) -> anyhow::Result<FarSide> {
        let listener = TcpListener::bind(address).with_context(|| {
            format!("{address}, where the example sends to, is taken: stop what listens there")
        })?;
        let address = listener.local_addr()?;
        let arrivals = Arc::default();
        let kept = Arc::clone(&arrivals);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    if let Err(error) = serve(stream, &kept) {
                        eprintln!("far side: {error:#}");
                    }
                });
            }
        });
        Ok(FarSide { address, arrivals })
    }

    /// What arrived so far, in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Answers the requests of one connection, in turn.
fn serve(stream: TcpStream, arrivals: &Mutex<Vec<Arrival>>) -> anyhow::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = wire::read(&mut reader)? {
        let number = {
            let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.push(arrival(&request));
            arrivals.len()
        };
        let (status, body) = answer(&request, number);
        let body = if request.start.starts_with("HEAD ") {
            String::new()
        } else {
            body
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all((head + &body).as_bytes())?;
    }
    Ok(())
}

fn arrival(request: &Message) -> Arrival {
    let mut words = request.start.split(' ').map(str::to_owned);
    Arrival {
        method: words.next().unwrap_or_default(),
        path: words.next().unwrap_or_default(),
        body: String::from_utf8_lossy(&request.body).into_owned(),
    }
}

/// What is written gets a number; what is asked for is not known here.
fn answer(request: &Message, number: usize) -> (&'static str, String) {
    match request.start.split(' ').next() {
        Some("POST") => (
            "201 Created",
            json!({ "id": number.to_string() }).to_string(),
        ),
        Some("PUT" | "PATCH" | "DELETE") => {
            ("200 OK", json!({ "id": number.to_string() }).to_string())
        }
        _ => ("200 OK", json!({ "results": [] }).to_string()),
    }
}

/// The far side's address, as the example itself names it: the first `http://127.0.0.1:PORT` in its settings.
pub fn address_in(project: &Path) -> anyhow::Result<SocketAddr> {
    let mut files = vec![project.join("fonio.toml"), project.join("project.yaml")];
    if let Ok(folder) = fs::read_dir(project.join("credentials")) {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    let texts = files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok());
    let address = texts.filter_map(|text| loopback(&text)).next();
    address.with_context(|| {
        format!(
            "no file of {} names a far side (http://127.0.0.1:PORT)",
            project.display()
        )
    })
}

fn loopback(text: &str) -> Option<SocketAddr> {
    let (_, after) = text.split_once("http://127.0.0.1:")?;
    let port: String = after.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_is_kept_and_answered() {
        let far_side =
            FarSide::start(SocketAddr::from(([127, 0, 0, 1], 0))).expect("port 0 is free");
        let reply = wire::request(
            far_side.address,
            "POST",
            "/patients",
            Some(("application/json", b"{\"a\":1}")),
        )
        .expect("it answers");
        assert_eq!(reply.status().expect("it has one"), 201);
        assert_eq!(reply.body, b"{\"id\":\"1\"}");
        let arrivals = far_side.arrivals();
        assert_eq!(arrivals.len(), 1);
        assert_eq!(
            (
                arrivals[0].method.as_str(),
                arrivals[0].path.as_str(),
                arrivals[0].body.as_str()
            ),
            ("POST", "/patients", "{\"a\":1}")
        );
    }

    #[test]
    fn the_address_is_found_in_settings() {
        assert_eq!(
            loopback("allow = [\"http://127.0.0.1:4100\"]"),
            Some(SocketAddr::from(([127, 0, 0, 1], 4100)))
        );
        assert_eq!(loopback("allow = [\"https://example.org\"]"), None);
    }
}
