//! Connections to the published ports, from this host as an application would open them, each under
//! a name of its own: whichever server lists that name is the one that the address leads to.
//!
//! Neo4j lists a Bolt or HTTP connection with its user agent before any login (5.26), so none is
//! made. Redis names only connections that have logged in.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use compose_audit::alone;
use environments::Environment;
use process::printable;
use process::side_by_side::{Lost, both};

use crate::isolation::data::evidence::Address;
use crate::isolation::scene::{Scene, Site};

/// How long a server on this host may take over a connection or an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What all names of a run begin with.
pub(super) fn prefix(run: &str) -> String {
    format!("tta-verify/{run}-")
}

/// The connections of a site, which stay open until this is dropped.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) addresses: Vec<Address>,
    _streams: Vec<TcpStream>,
}

impl Lost for Opened {
    fn lost() -> Self {
        Self {
            addresses: Vec::new(),
            _streams: Vec::new(),
        }
    }
}

/// Opens a connection to each published address of a site.
pub(super) fn open(scene: &Scene<'_>, site: &Site) -> Opened {
    let mut opened = Opened::lost();
    let Some(ports) = site
        .deployment
        .fixed_ports()
        .or_else(|| site.observed.ports().ok().flatten())
    else {
        return opened;
    };
    let name = |scheme: &str| format!("{}{}-{scheme}", prefix(&scene.run), site.name());
    let (bolt, (http, redis)) = both(
        || in_time(|| bolt(ports.bolt, &name("bolt"))),
        || {
            both(
                || in_time(|| http(ports.http, &name("http"))),
                || in_time(|| redis(ports.redis, &name("redis"), site)),
            )
        },
    );
    for (scheme, port, connection) in [
        ("bolt", ports.bolt, bolt),
        ("http", ports.http, http),
        ("redis", ports.redis, redis),
    ] {
        let connection = match connection {
            Ok(stream) => {
                opened._streams.push(stream);
                Ok(name(scheme))
            }
            Err(why) => Err(why),
        };
        opened.addresses.push(Address {
            scheme,
            port,
            connection,
        });
    }
    opened
}

/// Once more, where nobody answered in time.
fn in_time(connect: impl FnMut() -> Result<TcpStream, String>) -> Result<TcpStream, String> {
    alone::once_more(PATIENCE, connect, Result::is_err)
}

fn connect(port: u16) -> Result<TcpStream, String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let said = |error: std::io::Error| format!("{address}: {error}");
    let stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(said)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(said)?;
    Ok(stream)
}

/// The handshake and HELLO of Bolt 5.4, which carries no login.
fn bolt(port: u16, name: &str) -> Result<TcpStream, String> {
    let mut stream = connect(port)?;
    let said = |error: std::io::Error| format!("127.0.0.1:{port} does not speak Bolt: {error}");
    let mut handshake = vec![0x60, 0x60, 0xb0, 0x17, 0, 0, 4, 5];
    handshake.extend([0; 12]);
    stream.write_all(&handshake).map_err(said)?;
    let mut version = [0; 4];
    stream.read_exact(&mut version).map_err(said)?;
    if version != [0, 0, 4, 5] {
        return Err(format!(
            "127.0.0.1:{port} does not speak Bolt 5.4: it answers {version:?}"
        ));
    }
    stream.write_all(&hello(name)).map_err(said)?;
    let mut head = [0; 4];
    stream.read_exact(&mut head).map_err(said)?;
    // A chunk's length, a structure of one field, SUCCESS.
    if head[2..] == [0xb1, 0x70] {
        Ok(stream)
    } else {
        Err(format!("127.0.0.1:{port} takes no HELLO of Bolt"))
    }
}

/// `HELLO {user_agent: name, bolt_agent: {product: name}}` in one chunk.
fn hello(name: &str) -> Vec<u8> {
    let text = |text: &str| {
        let mut bytes = vec![0xd0, u8::try_from(text.len()).unwrap_or(u8::MAX)];
        bytes.extend(text.bytes().take(usize::from(u8::MAX)));
        bytes
    };
    let mut message = vec![0xb1, 0x01, 0xa2];
    message.extend(text("user_agent"));
    message.extend(text(name));
    message.extend(text("bolt_agent"));
    message.push(0xa1);
    message.extend(text("product"));
    message.extend(text(name));
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut chunk = length.to_be_bytes().to_vec();
    chunk.extend(message);
    chunk.extend([0, 0]);
    chunk
}

fn http(port: u16, name: &str) -> Result<TcpStream, String> {
    let mut stream = connect(port)?;
    let said = |error: std::io::Error| format!("127.0.0.1:{port} does not speak HTTP: {error}");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {name}\r\nAccept: application/json\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(said)?;
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).map_err(said)?;
    if answer[..read].starts_with(b"HTTP/1.1 ") {
        Ok(stream)
    } else {
        Err(format!("127.0.0.1:{port} does not speak HTTP"))
    }
}

fn redis(port: u16, name: &str, site: &Site) -> Result<TcpStream, String> {
    let password = match &site.password {
        Ok(password) => &password.value,
        Err(why) => return Err(why.clone()),
    };
    let environment: Environment = site.deployment.environment();
    let mut stream = connect(port)?;
    for words in [
        &["AUTH", environment.redis_user(), password][..],
        &["CLIENT", "SETNAME", name],
    ] {
        let answer = exchange(&mut stream, words)
            .map_err(|error| format!("127.0.0.1:{port} does not speak Redis: {error}"))?;
        if answer != "+OK" {
            let answer: String = answer.chars().take(100).collect();
            return Err(format!(
                "127.0.0.1:{port} answers {} with {}",
                words[0],
                printable(&answer)
            ));
        }
    }
    Ok(stream)
}

/// One command in Redis' protocol, and the line that answers it.
fn exchange(stream: &mut TcpStream, words: &[&str]) -> std::io::Result<String> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    stream.write_all(command.as_bytes())?;
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") && line.len() < 1000 {
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server that takes one connection, reads what comes first and says that.
    fn server(says: &'static [u8]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(says);
        });
        port
    }

    #[test]
    fn hello_is_one_chunk_of_packstream() {
        let bytes = hello("x");
        assert_eq!(usize::from(bytes[1]), bytes.len() - 4);
        assert_eq!(bytes[2..5], [0xb1, 0x01, 0xa2]);
        assert!(bytes.ends_with(&[0xd0, 1, b'x', 0, 0]));
    }

    #[test]
    fn whoever_speaks_something_else_is_told_from_a_server() {
        for says in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\x04\x05",
            b"\0\0\x04\x05\0\x02\xb1\x7f",
            b"HTTP/1.1 400 Bad\r\n\r\n",
        ] {
            assert!(bolt(server(says), "x").is_err(), "{says:?}");
        }
        assert!(http(server(b"-ERR unknown\r\n"), "x").is_err());
        let mut stream = connect(server(b"garbage")).expect("it listens");
        assert!(exchange(&mut stream, &["PING"]).is_err());
    }

    #[test]
    fn a_port_that_nobody_listens_on_says_so() {
        let port = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            listener.local_addr().expect("an address").port()
        };
        let why = bolt(port, "x").expect_err("nobody listens");
        assert!(why.contains(&port.to_string()), "{why}");
    }
}
