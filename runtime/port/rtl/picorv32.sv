// PicoRV32 with one port for instructions and data. The look-ahead interface says a cycle early what
// will be accessed, so that a memory with a registered answer never makes the core wait.
module soc (
  input  logic clk, input logic rst_n,
  output logic instr_req, output logic [31:0] instr_addr,
  input  logic instr_rvalid, input logic [31:0] instr_rdata,
  output logic data_req, output logic data_we, output logic [3:0] data_be,
  output logic [31:0] data_addr, output logic [31:0] data_wdata,
  input  logic data_rvalid, input logic [31:0] data_rdata,
  output logic trap, output logic [31:0] pc
);
  logic la_read;

  assign instr_req = 1'b0;
  assign instr_addr = 32'h0;
  assign data_req = rst_n & (la_read | data_we);
  assign pc = core.reg_pc;

  picorv32 #(
    .BARREL_SHIFTER(1), .COMPRESSED_ISA(1), .ENABLE_FAST_MUL(1), .ENABLE_DIV(1),
    .PROGADDR_RESET(32'h1000)
  ) core (
    .clk(clk), .resetn(rst_n), .trap(trap),
    .mem_ready(1'b1), .mem_rdata(data_rdata),
    .mem_la_read(la_read), .mem_la_write(data_we), .mem_la_addr(data_addr),
    .mem_la_wdata(data_wdata), .mem_la_wstrb(data_be),
    .pcpi_wr(1'b0), .pcpi_rd(32'h0), .pcpi_wait(1'b0), .pcpi_ready(1'b0), .irq(32'h0)
  );
endmodule
