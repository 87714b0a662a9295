//! Modbus TCP and Modbus RTU over TCP.
//!
//! Decoded: the MBAP header (Modbus Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3) and every public function
//! with its exceptions (Modbus Application Protocol Specification V1.1b3, 6 and 7), on any TCP port, in both
//! directions; Modbus RTU frames (Modbus over Serial Line V1.02, 2.5.1) that gateways put into TCP unchanged, told by
//! their CRC, as an encoding of its own.
//!
//! A function code the specification does not name is `Function <n>`. Direction comes from port 502 where one side
//! has it, else from the shapes of the PDUs: most requests and responses differ in length; echoes (Write Single
//! Coil) alone are told by the rest of their flow.
//!
//! ```text
//!  0       2       4       6      7          8
//! +-------+-------+-------+------+----------+---------- ...
//! | trans.| prot. | length| unit | function | data          length counts from unit on, 2 to 254
//! | id    | id 0  |       |      | (+0x80)  |
//! +-------+-------+-------+------+----------+---------- ...
//! ```
//!
//! A length field that is wrong does not lose what follows: where the bytes of a segment end as the function says, and
//! not as the header does, the PDU ends there, and so it does where a further header begins with the next segment.
//!
//! Not decoded: Modbus over UDP, Modbus/TCP Security (TLS, port 802), Modbus ASCII, and what functions 90 (UMAS) and
//! 43/13 (CANopen) carry inside.

mod adu;
mod decoder;
mod direction;
mod function;
mod monitor;
mod probe;
mod report;
mod rtu;
mod shape;
mod terms;
mod transactions;

#[cfg(test)]
mod tests;

pub use decoder::ModbusTcpDecoder;
pub use rtu::ModbusRtuDecoder;
