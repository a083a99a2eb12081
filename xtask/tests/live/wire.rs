//! The servers over their published ports, as an application reaches them: HTTP and RESP by hand,
//! so that no client library smooths anything over.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(300)))?;
    stream.set_write_timeout(Some(Duration::from_secs(300)))?;
    Ok(stream)
}

/// An HTTP status and the JSON that came with it.
pub(crate) fn http(port: u16, request: &str) -> std::io::Result<(u16, Value)> {
    let mut stream = connect(port)?;
    stream.write_all(request.as_bytes())?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let status = reply.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok((status.unwrap_or(0), body))
}

/// What Neo4j tells everyone who asks for `/`.
#[track_caller]
pub(crate) fn discovery(port: u16) -> Value {
    // HTTP/1.0, so that the answer is not cut into chunks.
    let request = "GET / HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n";
    let (status, body) = http(port, request).expect("Neo4j answers");
    assert_eq!(status, 200, "{body}");
    body
}

/// One statement over Neo4j's query endpoint.
pub(crate) fn query(
    port: u16,
    database: &str,
    password: &str,
    statement: &str,
) -> std::io::Result<(u16, Value)> {
    let body = json!({ "statement": statement });
    let path = format!("/db/{database}/query/v2");
    as_user(port, password, &format!("POST {path}"), &body)
}

/// A request with a document, as Neo4j's user.
fn as_user(
    port: u16,
    password: &str,
    request: &str,
    body: &Value,
) -> std::io::Result<(u16, Value)> {
    let login = base64(format!("neo4j:{password}").as_bytes());
    let body = body.to_string();
    let request = format!(
        "{request} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n\
         Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    http(port, &request)
}

/// A transaction that is open: whoever needs what it has locked waits. Dropping it rolls it back, and
/// so does Neo4j after 30 s in which it was not asked for anything.
pub(crate) struct Transaction {
    port: u16,
    password: String,
    path: String,
}

impl Transaction {
    #[track_caller]
    pub(crate) fn open(port: u16, database: &str, password: &str, statement: &str) -> Self {
        let body = json!({ "statements": [{ "statement": statement }] });
        let request = format!("POST /db/{database}/tx");
        let (status, body) = as_user(port, password, &request, &body).expect("Neo4j answers");
        let commit = body["commit"].as_str().and_then(|url| {
            let (_, path) = url.split_once("/db/")?;
            path.strip_suffix("/commit")
        });
        assert_eq!(body["errors"], json!([]), "{status} {body}");
        Self {
            port,
            password: password.to_owned(),
            path: format!("/db/{}", commit.expect("where it is committed")),
        }
    }

    /// Asks it for nothing, so that it stays open.
    #[track_caller]
    pub(crate) fn keep(&self) {
        let (status, body) = self.ask("POST").expect("Neo4j answers");
        assert_eq!(body["errors"], json!([]), "{status} {body}");
    }

    fn ask(&self, method: &str) -> std::io::Result<(u16, Value)> {
        let request = format!("{method} {}", self.path);
        as_user(
            self.port,
            &self.password,
            &request,
            &json!({ "statements": [] }),
        )
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // It ends by itself where it cannot be told to.
        let _ = self.ask("DELETE");
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = bits >> (18 - 6 * digit) & 63;
            let padding = digit > chunk.len();
            text.push(if padding {
                '='
            } else {
                char::from(DIGITS[index as usize])
            });
        }
    }
    text
}

/// A connection to Redis. A reply is JSON; an error reply is an `Err` with its text.
pub(crate) struct Resp(BufReader<TcpStream>);

impl Resp {
    pub(crate) fn connect(port: u16) -> std::io::Result<Self> {
        connect(port).map(|stream| Self(BufReader::new(stream)))
    }

    /// Logged in as a user.
    #[track_caller]
    pub(crate) fn login(port: u16, user: &str, password: &str) -> Result<Self, String> {
        let mut redis = Self::connect(port).expect("Redis listens");
        redis.ask(&["AUTH", user, password]).map(|_| redis)
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Value, String> {
        self.send(words)
            .and_then(|()| self.reply())
            .map_err(|error| format!("{words:?}: {error}"))?
    }

    fn send(&mut self, words: &[&str]) -> std::io::Result<()> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(request.as_bytes())
    }

    fn reply(&mut self) -> std::io::Result<Result<Value, String>> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let rest = line.get(1..).unwrap_or_default().trim_end();
        let length: i64 = rest.parse().unwrap_or(0);
        Ok(match line.as_bytes().first() {
            Some(b'+') => Ok(json!(rest)),
            Some(b'-') => Err(rest.to_owned()),
            Some(b':') => Ok(json!(length)),
            Some(b'$' | b'*') if length < 0 => Ok(Value::Null),
            Some(b'$') => {
                let mut bytes = vec![0; usize::try_from(length).unwrap_or(0) + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(json!(String::from_utf8_lossy(&bytes)))
            }
            Some(b'*') => {
                let mut items = Vec::new();
                for _ in 0..length {
                    items.push(self.reply()?.unwrap_or_else(Value::String));
                }
                Ok(Value::Array(items))
            }
            _ => Err(format!("no RESP: {line:?}")),
        })
    }
}

#[test]
fn base64_is_that_of_the_standard() {
    let samples = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foobar", "Zm9vYmFy"),
    ];
    for (plain, encoded) in samples {
        assert_eq!(base64(plain.as_bytes()), encoded);
    }
}
