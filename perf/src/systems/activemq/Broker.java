import java.io.File;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/** An ActiveMQ broker with a KahaDB store: what the shipped activemq.xml sets up, on one port. */
public final class Broker {
    private static final long GIBIBYTE = 1L << 30;

    private Broker() {}

    /** Arguments: port, data folder, journal sync strategy (always, periodic, never). */
    public static void main(String[] arguments) throws Exception {
        KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
        store.setDirectory(new File(arguments[1], "kahadb"));
        store.setJournalDiskSyncStrategy(arguments[2]);
        BrokerService broker = new BrokerService();
        broker.setBrokerName("localhost");
        broker.setDataDirectory(arguments[1]);
        broker.setPersistenceAdapter(store);
        broker.getManagementContext().setCreateConnector(false);
        broker.getSystemUsage().getMemoryUsage().setPercentOfJvmHeap(70);
        broker.getSystemUsage().getStoreUsage().setLimit(100 * GIBIBYTE);
        broker.getSystemUsage().getTempUsage().setLimit(50 * GIBIBYTE);
        broker.addConnector("tcp://127.0.0.1:" + arguments[0]);
        broker.start();
        broker.waitUntilStopped();
    }
}
