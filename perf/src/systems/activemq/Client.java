import jakarta.jms.BytesMessage;
import jakarta.jms.Connection;
import jakarta.jms.DeliveryMode;
import jakarta.jms.JMSException;
import jakarta.jms.MessageConsumer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.activemq.ActiveMQConnectionFactory;
import org.apache.activemq.ActiveMQMessageProducer;
import org.apache.activemq.AsyncCallback;

/**
 * Passes records between standard input and output and a queue, by ActiveMQ's own client. It
 * schedules nothing and measures nothing: the harness does.
 *
 * <p>produce: reads (sequence: 8 bytes, size: 4 bytes, payload); writes the sequence of each
 * confirmed record. Size -1 asks for the sequence back once the broker took all before it, size -2
 * commits what there is of a transaction.
 *
 * <p>consume: writes (size: 4 bytes, payload).
 */
public final class Client {
    private static final int BUFFER_SIZE = 1 << 16;

    /** In place of a size. */
    private static final int MARK = -1;

    private static final int COMMIT = -2;

    private Client() {}

    /**
     * Arguments: produce or consume, host:port, queue, persistent, prefetch or how many records
     * are confirmed at a time: none, each by itself, or those of a transaction.
     */
    public static void main(String[] arguments) throws Exception {
        // Threads of the library would keep the process, and the pipe that the harness writes to.
        Thread.setDefaultUncaughtExceptionHandler((thread, exception) -> fail(exception));
        String uri = "tcp://" + arguments[1];
        ActiveMQConnectionFactory factory = new ActiveMQConnectionFactory(uri);
        factory.setUseAsyncSend(true);
        boolean produces = arguments[0].equals("produce");
        int option = Integer.parseInt(arguments[4]);
        if (!produces) {
            factory.getPrefetchPolicy().setQueuePrefetch(option);
        }
        Connection connection = factory.createConnection();
        connection.setExceptionListener(Client::fail);
        connection.start();
        Session session = produces && option > 1
                ? connection.createSession(true, Session.SESSION_TRANSACTED)
                : connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue(arguments[2]);
        if (produces) {
            ActiveMQMessageProducer producer =
                    (ActiveMQMessageProducer) session.createProducer(queue);
            boolean persistent = Boolean.parseBoolean(arguments[3]);
            producer.setDeliveryMode(
                    persistent ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
            try {
                produce(session, producer, option);
            } catch (EOFException exception) {
                // The harness has nothing more to send.
                System.exit(0);
            }
        } else {
            consume(session.createConsumer(queue));
        }
    }

    private static void fail(Throwable exception) {
        System.err.println("activemq-client: " + exception);
        Runtime.getRuntime().halt(1);
    }

    private static void produce(Session session, ActiveMQMessageProducer producer, int atATime)
            throws IOException, JMSException {
        DataInputStream input =
                new DataInputStream(new BufferedInputStream(System.in, BUFFER_SIZE));
        DataOutputStream output = new DataOutputStream(new BufferedOutputStream(System.out));
        List<Long> uncommitted = new ArrayList<>();
        while (true) {
            long sequence = input.readLong();
            int size = input.readInt();
            if (size == COMMIT) {
                commit(session, uncommitted, output);
                continue;
            }
            if (size == MARK) {
                // Any question that is answered: the broker takes a connection's commands in turn.
                session.createTemporaryQueue().delete();
                write(output, sequence);
                continue;
            }
            byte[] payload = new byte[size];
            input.readFully(payload);
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(payload);
            if (atATime == 1) {
                producer.send(message, new Confirmation(output, sequence));
                continue;
            }
            producer.send(message);
            if (atATime > 1) {
                uncommitted.add(sequence);
                if (uncommitted.size() == atATime) {
                    commit(session, uncommitted, output);
                }
            }
        }
    }

    private static void commit(Session session, List<Long> uncommitted, DataOutputStream output)
            throws IOException, JMSException {
        session.commit();
        for (long sequence : uncommitted) {
            output.writeLong(sequence);
        }
        output.flush();
        uncommitted.clear();
    }

    /** What becomes of a record that is confirmed by itself. */
    private record Confirmation(DataOutputStream output, long sequence) implements AsyncCallback {
        @Override
        public void onSuccess() {
            write(output, sequence);
        }

        @Override
        public void onException(JMSException exception) {
            exception.printStackTrace();
            System.exit(1);
        }
    }

    private static void write(DataOutputStream output, long sequence) {
        try {
            synchronized (output) {
                output.writeLong(sequence);
                output.flush();
            }
        } catch (IOException exception) {
            System.exit(1);
        }
    }

    private static void consume(MessageConsumer consumer) throws Exception {
        DataOutputStream output =
                new DataOutputStream(new BufferedOutputStream(System.out, BUFFER_SIZE));
        while (true) {
            BytesMessage message = (BytesMessage) consumer.receiveNoWait();
            if (message == null) {
                output.flush();
                message = (BytesMessage) consumer.receive();
            }
            byte[] payload = new byte[(int) message.getBodyLength()];
            message.readBytes(payload);
            output.writeInt(payload.length);
            output.write(payload);
        }
    }
}
