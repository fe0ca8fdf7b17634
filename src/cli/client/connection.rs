//! One connection to one broker.

use super::ClientError;
use crate::wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::frame::{LENGTH_SIZE, frame_length, write_request};
use crate::wire::header::ResponseHeader;
use crate::wire::{ApiKey, ErrorCode, Message, Reader, Request};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::time::Duration;

/// What we call ourselves in request headers.
const CLIENT_ID: &str = "pinion";

/// How long a connection attempt to one address may take.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// The largest answer that is read; a broker's own limits are far below.
const RESPONSE_SIZE_MAX: u32 = 1 << 30;

/// The newest ApiVersions request that says who we are.
const API_VERSIONS_VERSION: i16 = 3;

/// Where an ApiVersions answer has its error code: behind the correlation id, in all versions.
const ERROR_CODE_AT: usize = 4;

/// A connection whose broker has told which versions it speaks.
///
/// One question at a time. After an error of the connection it is broken for good.
pub struct Connection {
    address: String,
    stream: TcpStream,
    wait_max: Duration,
    versions: BTreeMap<i16, RangeInclusive<i16>>,
    correlation_id: i32,
    request: Vec<u8>,
    response: Vec<u8>,
    is_broken: bool,
}

impl Connection {
    /// Connects to `address`, as in `host:9092`, and learns which versions the broker speaks.
    pub fn open(address: &str, wait_max: Duration) -> Result<Connection, ClientError> {
        let unreachable = |source| ClientError::Unreachable { address: address.to_owned(), source };
        let stream = connect(address, wait_max.min(CONNECT_WAIT_MAX)).map_err(unreachable)?;
        let set_up = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(wait_max)))
            .and_then(|()| stream.set_write_timeout(Some(wait_max)));
        set_up.map_err(unreachable)?;
        let mut connection = Connection {
            address: address.to_owned(),
            stream,
            wait_max,
            versions: BTreeMap::new(),
            correlation_id: 0,
            request: Vec::new(),
            response: Vec::new(),
            is_broken: false,
        };
        connection.versions = connection.ask_versions()?;
        Ok(connection)
    }

    /// Whether an error has ended it.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Asks in the newest version that both sides speak, and waits for the answer.
    pub fn call<'r, R: Request<'r>>(
        &mut self,
        request: &R,
    ) -> Result<R::Response<'_>, ClientError> {
        self.call_up_to(request, i16::MAX)
    }

    /// The same with no version above `version_max`.
    pub fn call_up_to<'r, R: Request<'r>>(
        &mut self,
        request: &R,
        version_max: i16,
    ) -> Result<R::Response<'_>, ClientError> {
        let version = self.version::<R>(version_max)?;
        self.exchange(request, version)?;
        self.decode(version)
    }

    /// Sends a request that the broker does not answer: a Produce with acks 0.
    pub fn send<'r, R: Request<'r>>(
        &mut self,
        request: &R,
        version_max: i16,
    ) -> Result<(), ClientError> {
        let version = self.version::<R>(version_max)?;
        self.write(request, version)
    }

    /// The newest version of a request that both sides speak, at most `version_max`.
    fn version<'r, R: Request<'r>>(&self, version_max: i16) -> Result<i16, ClientError> {
        let own = R::VERSIONS;
        let common = self.versions.get(&R::KEY.code()).map(|broker| {
            let newest = (*own.end()).min(*broker.end()).min(version_max);
            (newest, newest >= *own.start().max(broker.start()))
        });
        match common {
            Some((version, true)) => Ok(version),
            _ => Err(ClientError::Unsupported { address: self.address.clone(), api: R::KEY }),
        }
    }

    fn ask_versions(&mut self) -> Result<BTreeMap<i16, RangeInclusive<i16>>, ClientError> {
        let request = ApiVersionsRequest {
            client_software_name: CLIENT_ID,
            client_software_version: env!("CARGO_PKG_VERSION"),
        };
        self.exchange(&request, API_VERSIONS_VERSION)?;
        // A broker that does not know the version answers in version 0, which begins with the code.
        let refusal = (ErrorCode::UnsupportedVersion as i16).to_be_bytes();
        let refused = self.response.get(ERROR_CODE_AT..ERROR_CODE_AT + 2) == Some(&refusal);
        let version = if refused { 0 } else { API_VERSIONS_VERSION };
        if refused {
            self.exchange(&request, version)?;
        }
        let response: ApiVersionsResponse<'_> = self.decode(version)?;
        ClientError::check("ApiVersions", response.error_code, None)?;
        let ranges = response.api_keys.iter();
        Ok(ranges.map(|api| (api.api_key, api.min_version..=api.max_version)).collect())
    }

    /// Sends a request and reads the frame of its answer into `response`.
    fn exchange<'r, R: Request<'r>>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<(), ClientError> {
        self.write(request, version)?;
        let frame = self.read_frame();
        frame.map_err(|error| self.fail(R::KEY, error))
    }

    fn write<'r, R: Request<'r>>(&mut self, request: &R, version: i16) -> Result<(), ClientError> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        self.request.clear();
        let id = self.correlation_id;
        write_request(&mut self.request, version, id, Some(CLIENT_ID), request);
        let written = self.stream.write_all(&self.request);
        written.map_err(|error| self.fail(R::KEY, error))
    }

    fn read_frame(&mut self) -> io::Result<()> {
        let mut length = [0; LENGTH_SIZE];
        self.stream.read_exact(&mut length)?;
        let length = frame_length(&length, RESPONSE_SIZE_MAX).map_err(io::Error::other)?;
        let length = length.expect("four bytes are a whole length");
        self.response.clear();
        // What arrives is stored, whatever was announced: a false length costs no memory.
        (&self.stream).take(u64::from(length)).read_to_end(&mut self.response)?;
        if self.response.len() < length as usize {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn decode<'c, M: Message<'c>>(&'c mut self, version: i16) -> Result<M, ClientError> {
        let mut reader = Reader::new(&self.response);
        let header = ResponseHeader::decode(&mut reader, M::KEY, version)
            .map_err(|error| ClientError::malformed(&self.address, M::KEY, error))?;
        if header.correlation_id != self.correlation_id {
            self.is_broken = true;
            return Err(ClientError::Malformed {
                address: self.address.clone(),
                api: M::KEY,
                reason: "the answer belongs to another question".to_owned(),
            });
        }
        M::decode(&mut reader, version)
            .map_err(|error| ClientError::malformed(&self.address, M::KEY, error))
    }

    fn fail(&mut self, api: ApiKey, error: io::Error) -> ClientError {
        self.is_broken = true;
        ClientError::of_stream(&self.address, api, self.wait_max, error)
    }
}

fn connect(address: &str, wait_max: Duration) -> io::Result<TcpStream> {
    let mut failure = io::Error::other("the name has no address");
    for candidate in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&candidate, wait_max) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
