import java.util.List;

/**
 * Runs the contract: {@code Main check BOOTSTRAP PREFIX} or
 * {@code Main read BOOTSTRAP PROFILE TOPIC...}.
 */
final class Main {
    public static void main(String[] arguments) throws Exception {
        var rest = List.of(arguments).subList(2, arguments.length);
        try (var contract = new Contract(arguments[1])) {
            if (arguments[0].equals("check")) {
                contract.check(rest.get(0));
            } else {
                contract.read(rest.get(0), rest.subList(1, rest.size()));
            }
        } catch (Contract.Failure failure) {
            System.out.println("FAILED Java client: " + failure.getMessage());
            System.exit(1);
        }
    }

    private Main() {}
}
